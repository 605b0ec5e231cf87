// The trash: what was deleted in the last thirty days, to be taken back or removed for good.
reverie.trash = (deeds) => {
  "use strict";
  const { el, iconButton } = reverie;
  const close = () => dialog.close();
  const list = el("div.trash-list");
  const note = el("p.trash-note");
  const more = el("button.chip", { type: "button", hidden: true, onclick: () => load() }, "Show more");
  const all = el("button.chip.danger", { type: "button", hidden: true, onclick: () => sure() }, "Empty the trash");
  const foot = el("div.dialog-foot", {}, more, all);

  function words() {
    const none = !list.childElementCount;
    note.textContent = none ? "The trash is empty." : "Deleted pictures stay here for 30 days, then they are removed for good.";
    all.hidden = none;
  }

  async function removed(ids) {
    for (const id of ids) list.querySelector(`[data-trashed="${CSS.escape(id)}"]`)?.remove();
    words();
  }

  function tile(picture) {
    const src = `${deeds.thumbnailURL(picture.id)}?trashed=1`;
    const back = el("button.chip", { type: "button", onclick: async () => { await deeds.restore([picture.id]); removed([picture.id]); } }, "Restore");
    return el("figure.trashed", { "data-trashed": picture.id }, el("img", { src, alt: picture.prompt, title: picture.prompt, loading: "lazy" }), back);
  }

  async function load() {
    const told = await deeds.ask(`/reverie/trash?skip=${list.childElementCount}`);
    if (!told) return;
    list.append(...told.pictures.map(tile));
    more.hidden = !told.more;
    words();
  }

  function sure() {
    const back = () => foot.replaceChildren(more, all);
    foot.replaceChildren(el("p", {}, "Remove all of them for good?"), el("button.chip", { type: "button", onclick: back }, "Keep them"),
      el("button.chip.danger", { type: "button", onclick: async () => {
        const told = await deeds.ask("/reverie/trash/empty", { all: true });
        if (told?.notice) reverie.notice(told.notice);
        back();
        list.replaceChildren();
        load();
      } }, "Remove for good"));
  }

  const dialog = el("dialog.small.wide", { "aria-label": "Trash", onclose: () => dialog.remove(),
    onclick: (event) => { if (event.target === dialog) close(); } },
    iconButton("close", "Close", close, ".close"), el("h2", {}, "Trash"), note, list, foot);
  document.body.append(dialog);
  dialog.showModal();
  load();
};
