// Which pictures are chosen, and the bar that says what can be done with them together.
reverie.choosing = (bar, deeds, feed) => {
  "use strict";
  const { el, icon } = reverie;
  const chosen = new Map(); // id -> {row, picture}
  let lastId = null;

  const all = () => [...chosen.values()].map(({ picture }) => picture);
  const button = (name, label, act, extra = {}) => el("button.chip", { type: "button", onclick: act, ...extra }, icon(name), label);

  function draw() {
    document.body.classList.toggle("choosing", chosen.size > 0);
    bar.hidden = chosen.size === 0;
    if (bar.hidden) return;
    const starred = all().every((picture) => picture.starred);
    bar.replaceChildren(
      el("p", { role: "status" }, `${deeds.words(chosen.size)} selected`),
      chosen.size === 2 ? button("compare", "Compare", () => reverie.compare([...chosen.values()], deeds)) : null ?? "",
      button("star", starred ? "Take stars away" : "Star", () => deeds.star(all(), !starred).then(draw)),
      button("download", chosen.size === 1 ? "Download" : "Download ZIP", () => reverie.downloading(all(), deeds)),
      button("trash", "Delete", () => deeds.remove(all())),
      button("close", "Clear", clear));
  }

  function mark(id) {
    const tile = feed().tile(id);
    tile?.classList.toggle("picked", chosen.has(id));
    tile?.querySelector(".pick")?.setAttribute("aria-checked", String(chosen.has(id)));
  }

  // With Shift: everything between the last one and this one.
  function toggle(row, picture, range) {
    const shown = feed().pictures(), from = shown.findIndex((one) => one.picture.id === lastId);
    const to = shown.findIndex((one) => one.picture.id === picture.id);
    if (range && from >= 0 && to >= 0) {
      for (const one of shown.slice(Math.min(from, to), Math.max(from, to) + 1)) { chosen.set(one.picture.id, one); mark(one.picture.id); }
    } else {
      if (!chosen.delete(picture.id)) chosen.set(picture.id, { row, picture });
      mark(picture.id);
    }
    lastId = picture.id;
    draw();
  }

  function clear() {
    const ids = [...chosen.keys()];
    chosen.clear();
    ids.forEach(mark);
    draw();
  }

  function gone(ids) {
    for (const id of ids) chosen.delete(id);
    draw();
  }

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && chosen.size && !document.querySelector("dialog[open]")) { event.preventDefault(); clear(); }
  }, true);

  return { has: (id) => chosen.has(id), active: () => chosen.size > 0, toggle, clear, gone };
};
