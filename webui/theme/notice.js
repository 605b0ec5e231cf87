// One sentence in a corner, with at most one thing to press; the newest on top of the others.
reverie.notice = (sentence, button) => {
  "use strict";
  const { el, iconButton } = reverie;
  const SECONDS = 12, MOST = 3;
  let shelf = document.getElementById("notices");
  if (!shelf) {
    shelf = el("div", { id: "notices", role: "status", "aria-live": "polite" });
    document.body.append(shelf);
  }
  for (const other of [...shelf.children]) if (other.dataset.sentence === sentence) other.remove(); // said once
  const close = () => { clearTimeout(timer); note.remove(); };
  const note = el("div.notice", { "data-sentence": sentence }, el("p", {}, sentence),
    button ? el("button.chip", { type: "button", onclick: () => { close(); button.act(); } }, button.label) : null,
    iconButton("close", "Put away", close));
  shelf.append(note);
  while (shelf.childElementCount > MOST) shelf.firstChild.remove();
  let timer = setTimeout(close, SECONDS * 1000);
  note.addEventListener("pointerenter", () => clearTimeout(timer)); // it stays while somebody reaches for it
  note.addEventListener("pointerleave", () => { timer = setTimeout(close, SECONDS * 500); });
};
