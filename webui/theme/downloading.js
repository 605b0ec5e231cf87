// How pictures are taken away: as which kind of file, and with how much of their recipe inside.
reverie.downloading = (pictures, deeds) => {
  "use strict";
  const { el, icon, iconButton } = reverie;
  const INSIDE = [["all", "The whole recipe", "Anybody with the file can read how it was made, and make it again."],
    ["no_prompt", "All but the words", "Settings and seed stay; prompt and negative prompt do not."],
    ["nothing", "Nothing", "Only the picture."]];
  const KINDS = [["", "As it is kept"], ["png", "PNG"], ["jpeg", "JPEG"], ["webp", "WebP"], ["avif", "AVIF"]];

  const close = () => dialog.close();
  const inside = INSIDE.map(([value, label, help], at) => el("label.choice", {},
    el("input", { type: "radio", name: "metadata", value, checked: at === 0 }), el("span", {}, label, el("small", {}, help))));
  const kind = el("select", { name: "format" }, ...KINDS.map(([value, label]) => el("option", { value }, label)));
  const form = el("form", { onsubmit: (event) => {
    event.preventDefault();
    const { metadata, format } = Object.fromEntries(new FormData(form));
    deeds.download(pictures, { metadata, format });
    close();
  } },
    el("h2", {}, pictures.length === 1 ? "Download the picture" : `Download ${deeds.words(pictures.length)} as a ZIP`),
    el("fieldset", {}, el("legend", {}, "What goes along inside the file"), ...inside),
    el("label.line", {}, "Kind of file", kind),
    el("div.dialog-foot", {}, el("button.chip", { type: "button", onclick: close }, "Cancel"),
      el("button.chip.primary", { type: "submit" }, icon("download"), "Download")));
  const dialog = el("dialog.small", { "aria-label": "Download", onclose: () => dialog.remove(),
    onclick: (event) => { if (event.target === dialog) close(); } }, iconButton("close", "Close", close, ".close"), form);
  document.body.append(dialog);
  dialog.showModal();
};
