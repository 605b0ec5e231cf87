// One picture, large, with its recipe and everything that can be done with it.
reverie.view = (rows, id, actions, pictureURL) => {
  "use strict";
  const { el, icon, iconButton } = reverie;
  const all = rows.flatMap((row) => row.pictures.map((picture) => ({ row, picture })));
  let at = all.findIndex(({ picture }) => picture.id === id);
  if (at < 0) return;

  const image = el("img");
  const words = el("div.viewer-words");
  const close = () => dialog.close();
  const move = (by) => { at = Math.min(all.length - 1, Math.max(0, at + by)); show(); };
  const dialog = el("dialog.viewer", { "aria-label": "Picture",
    onclick: (event) => { if (event.target === dialog) close(); },
    onclose: () => dialog.remove(),
    onkeydown: (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (by) { event.preventDefault(); move(by); }
    } },
    el("div.viewer-picture", {}, iconButton("left", "Newer picture", () => move(-1), ".previous"), image,
      iconButton("right", "Older picture", () => move(1), ".next")),
    el("div.viewer-side", {}, iconButton("close", "Close", close, ".close"), words));

  function show() {
    const { row, picture } = all[at];
    image.src = pictureURL(picture.id);
    image.alt = row.prompt;
    const facts = Object.entries(picture.details).map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, String(value))));
    words.replaceChildren(
      el("p.viewer-prompt", {}, row.prompt),
      row.negative_prompt ? el("p.viewer-negative", {}, `Without: ${row.negative_prompt}`) : null ?? "",
      el("dl", {}, ...facts),
      el("div.viewer-actions", {}, ...actions.map(([name, label, act]) =>
        el("button.chip", { type: "button", onclick: () => { act(picture); if (name !== "download") close(); } }, icon(name), label))));
    dialog.querySelector(".previous").disabled = at === 0;
    dialog.querySelector(".next").disabled = at === all.length - 1;
  }

  show();
  document.body.append(dialog);
  dialog.showModal();
};
