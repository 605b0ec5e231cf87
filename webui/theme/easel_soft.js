// The mask's soft edge, shown on the easel as the server will make it: it lies inside the mask and is so many pixels wide of
// the picture as it is worked on.
reverie.easelSoft = (blur, sheet, props, watch) => {
  "use strict";
  const { find } = reverie;
  const number = (selector) => Number(document.querySelector(selector)?.value);

  // Only masked is worked on in the picture's own pixels; a size that is set is the one worked on.
  function width() {
    const { own, worked } = JSON.parse(props.sizes || '{"own": 1, "worked": 1}');
    if (document.querySelector("#padding-mask-crop input")?.value) return own;
    return find("picture-size")?.querySelector('[data-part="follow"]')?.checked === false ? number('#picture-size [data-part="width"]') || worked : worked;
  }
  function show() {
    // Half the width on either side of the edge; the filter then keeps what is above one half, which is the inner side.
    const inverted = Boolean(document.querySelector("#invert-mask input")?.checked); // then the painted part is what stays
    sheet.closest(".easel").classList.toggle("inverted", inverted);
    const deviation = inverted ? 0 : ((number("#mask_blur input[type=number]") || 0) / 2) * (sheet.offsetWidth / width());
    sheet.classList.toggle("soft", deviation > 0);
    if (deviation > 0) blur.setAttribute("stdDeviation", deviation.toFixed(2));
  }
  for (const kind of ["input", "change"]) document.addEventListener(kind, (event) => { if (event.target.closest?.("#panel")) requestAnimationFrame(show); });
  watch("sizes", show);
  return show;
};
