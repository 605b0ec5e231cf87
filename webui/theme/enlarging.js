// How a finished picture is made larger: how many times, and by which upscaler.
reverie.enlarging = async (picture, deeds) => {
  "use strict";
  const { el, icon, iconButton } = reverie;
  const told = await deeds.ask("/reverie/upscalers");
  if (!told) return;
  const close = () => dialog.close();
  const sizes = [2, 3, 4].map((scale) => {
    const size = `${picture.width * scale} × ${picture.height * scale}`;
    const tooLarge = picture.width * picture.height * scale * scale > 4096 * 4096;
    return el("label.choice", {}, el("input", { type: "radio", name: "scale", value: String(scale), checked: scale === 2, disabled: tooLarge }),
      el("span", {}, `×${scale}`, el("small", {}, tooLarge ? `${size}: too large` : size)));
  });
  const menu = el("select", { name: "upscaler" }, ...told.names.map((name) => el("option", { value: name }, name)));
  const form = el("form", { onsubmit: (event) => {
    event.preventDefault();
    const { scale, upscaler } = Object.fromEntries(new FormData(form));
    deeds.enlarge(picture, Number(scale), upscaler);
    close();
  } },
    el("h2", {}, "Upscale the picture"),
    el("fieldset", {}, el("legend", {}, "How much larger"), ...sizes),
    el("label.line", {}, "Upscaler", menu),
    told.names[0] === "Lanczos" ? el("p.hint", {}, "For more detail, put an ESRGAN file (.safetensors) into the folder ESRGAN beside your models.") : null,
    el("div.dialog-foot", {}, el("button.chip", { type: "button", onclick: close }, "Cancel"),
      el("button.chip.primary", { type: "submit" }, icon("larger"), "Upscale")));
  const dialog = el("dialog.small", { "aria-label": "Upscale", onclose: () => dialog.remove(),
    onclick: (event) => { if (event.target === dialog) close(); } }, iconButton("close", "Close", close, ".close"), form);
  document.body.append(dialog);
  dialog.showModal();
};
