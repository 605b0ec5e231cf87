// Two pictures on top of each other; a slider says how much of each is seen.
reverie.compare = (pair, deeds) => {
  "use strict";
  const { el, iconButton } = reverie;
  const [left, right] = pair;
  const close = () => dialog.close();
  const image = ({ row, picture }, name) => el(`img.${name}`, { src: picture.src ?? deeds.pictureURL(picture.id), alt: picture.prompt ?? row.prompt, draggable: "false", style: picture.src ? "object-fit: cover" : null });
  const slider = el("input", { type: "range", min: "0", max: "100", value: "50", step: "0.5", "aria-label": "How much of each is seen",
    oninput: () => frame.style.setProperty("--cut", `${slider.value}%`) });
  const shape = Math.max(left.picture.width / left.picture.height, 0.1);
  const frame = el("div.compare-frame", { dir: "ltr", style: `--cut: 50%; --shape: ${shape}` }, image(left, "below"), image(right, "above"), el("i.cut", { "aria-hidden": "true" }), slider);
  const words = ({ row, picture }) => picture.src ? el("p", {}, el("b", {}, "Before")) : el("p", {}, el("b", {}, `Seed ${picture.seed}`), " ", el("span", { translate: "no" }, picture.prompt ?? row.prompt));
  const differ = !left.picture.details ? [] : Object.keys({ ...left.picture.details, ...right.picture.details })
    .map((name) => [name, left.picture.details?.[name], right.picture.details?.[name]])
    .filter(([, one, other]) => String(one ?? "") !== String(other ?? ""));
  const table = el("table", {}, ...differ.map(([name, one, other]) =>
    el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, String(one ?? "–")), el("td", {}, String(other ?? "–")))));
  const dialog = el("dialog.compare", { "aria-label": "Compare two pictures", onclose: () => dialog.remove(),
    onclick: (event) => { if (event.target === dialog) close(); } },
    iconButton("close", "Close", close, ".close"), frame,
    el("div.compare-words", {}, words(left), words(right)),
    differ.length ? table : left.picture.src ? null : el("p.compare-note", {}, "Their settings are the same."));
  document.body.append(dialog);
  dialog.showModal();
  slider.focus();
};
