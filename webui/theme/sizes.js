// The ratio slider: wide on the left, tall on the right, the pixels below. Its value is a ratio ("16:9"), a size of
// one's own ("320x192"), or "picture" where a given picture decides.
reverie.sizes = (element, props, watch) => {
  "use strict";
  const part = (name) => element.querySelector(`[data-part="${name}"]`);
  const slider = part("slider"), label = part("label"), pixels = part("pixels"), shape = part("shape");
  const own = part("own"), width = part("width"), height = part("height"), toggle = part("toggle");
  const follow = part("follow");
  const stops = () => JSON.parse(props.stops);

  const set = (value) => { if (props.value !== value) props.value = value; show(); };
  const whole = (field) => Math.max(-1e15, Math.min(1e15, Math.trunc(field.value) || 0)); // never in powers of ten
  const middle = () => stops().findIndex((stop) => stop.ratio === "1:1");

  function show() {
    const list = stops(), value = String(props.value || "1:1");
    const custom = /^(-?\d+)x(-?\d+)$/.exec(value);
    const index = list.findIndex((stop) => stop.ratio === value);
    const stop = list[index] ?? list[middle()] ?? list[0];
    const [w, h] = custom ? [Number(custom[1]), Number(custom[2])] : [stop.width, stop.height];
    slider.max = String(list.length - 1);
    slider.value = String(Math.max(0, index < 0 ? middle() : index));
    follow.checked = value === "picture";
    element.querySelector(".sizes").dataset.mode = custom ? "own" : value === "picture" ? "picture" : "ratio";
    label.textContent = custom ? "Own size" : value === "picture" ? "Like the picture" : stop.ratio.replace(":", " : ");
    const impossible = custom && [w, h].some((side) => side < 64 || side > 2048 || side % 8);
    pixels.textContent = impossible ? "64 to 2048, in steps of 8" : value === "picture" ? props.picture || "" : reverie.sizeWords(w, h, list[middle()]?.width ?? w);
    pixels.classList.toggle("impossible", Boolean(impossible));
    slider.setAttribute("aria-valuetext", `${label.textContent}, ${w} by ${h} pixels`);
    shape.style.setProperty("--ratio", `${w} / ${h}`);
    shape.classList.toggle("tall", h > w);
    if (document.activeElement !== width) width.value = w;
    if (document.activeElement !== height) height.value = h;
    toggle.textContent = custom ? "Use ratios" : "Set width and height";
    toggle.setAttribute("aria-expanded", String(Boolean(custom)));
    own.hidden = !custom;
  }

  slider.addEventListener("input", () => set(stops()[Number(slider.value)].ratio));
  toggle.addEventListener("click", () => {
    if (own.hidden) { set(`${width.value}x${height.value}`); width.focus(); }
    else set("1:1");
  });
  for (const field of [width, height]) {
    field.addEventListener("change", () => set(`${whole(width)}x${whole(height)}`));
  }
  follow.addEventListener("change", () => set(follow.checked ? "picture" : "1:1"));
  watch(["value", "stops", "picture"], show);
  show();
};

// How a size reads; one far above what the model was made for says so, since shapes come out double or broken there.
reverie.sizeWords = (width, height, native) =>
  `${width} × ${height} px${width * height > 1.5 * native * native ? ` · best near ${native} × ${native}` : ""}`;
