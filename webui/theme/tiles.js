// Finished pictures as rows of tiles: one row for each request, each picture with what one does with it most.
reverie.tiles = (deeds, chosen, open) => {
  "use strict";
  const { el, icon, iconButton, tileShape } = reverie;

  function pictureTile(row, picture) {
    const image = el("img", { src: deeds.smallURL(picture), alt: picture.prompt ?? row.prompt, loading: "lazy", draggable: "false",
      onerror: () => deeds.ask(`/reverie/row/${encodeURIComponent(picture.id)}`, undefined, picture.id) });
    const opener = el("button.open", { type: "button", "aria-label": `Open picture, seed ${picture.seed}`,
      onclick: (event) => (chosen.active() || event.shiftKey ? chosen.toggle(row, picture, event.shiftKey) : open(picture.id)) }, image);
    const pick = el("button.pick", { type: "button", role: "checkbox", title: "Select", "aria-label": `Select picture, seed ${picture.seed}`,
      "aria-checked": String(chosen.has(picture.id)), onclick: (event) => chosen.toggle(row, picture, event.shiftKey) }, icon("check"));
    const star = iconButton("star", "Star", () => deeds.star([picture], !picture.starred), ".star");
    star.setAttribute("aria-pressed", String(picture.starred));
    const actions = [
      star,
      iconButton("vary", "Variations", () => deeds.vary(picture)),
      iconButton("image", "Send to image to image", () => deeds.toImage(picture)),
      iconButton("mask", "Send to inpainting", () => deeds.toMask(picture)),
      iconButton("all", "Reuse everything", () => deeds.reuseAll(picture)),
      iconButton("download", "Download", () => deeds.download([picture])),
      iconButton("trash", "Delete", () => deeds.remove([picture])),
    ];
    const seed = el("button.seed", { type: "button", title: "Reuse seed", onclick: () => deeds.reuseSeed(picture) }, `Seed ${picture.seed}`);
    const tile = el("figure.tile", { "data-picture": picture.id, "data-seed": picture.seed }, opener, pick,
      el("div.tile-actions", { role: "group", "aria-label": "What to do with this picture" }, ...actions),
      el("figcaption", {}, seed), el("span.star-mark", { "aria-hidden": "true" }, icon("star")));
    if (!picture.kept) tile.append(el("span.unsaved-mark", { title: "The disk did not take it: download it, or it goes with the studio." }, "Not saved"));
    tile.classList.toggle("starred", picture.starred);
    tile.classList.toggle("picked", chosen.has(picture.id));
    return tile;
  }

  function row(told) {
    const first = told.pictures[0];
    const reuse = iconButton("prompt", "Reuse prompt", () => deeds.reusePrompt(first));
    const save = iconButton("download", told.pictures.length === 1 ? "Download" : `Download ${told.pictures.length} pictures`,
      () => deeds.download(told.pictures));
    return el("article.row", { "data-row": told.key, "aria-label": told.prompt },
      el("header", {}, el("p.row-prompt", { title: told.prompt, translate: "no" }, told.prompt), reuse,
        el("p.row-note", {}, ...(told.edit ? [el("span", {}, reverie.editWords(told.edit)), " · "] : []), el("time", { datetime: told.when }, clockTime(told.when))), save),
      el("div.tiles", { style: tileShape(first) }, ...told.pictures.map((picture) => pictureTile(told, picture))));
  }

  function clockTime(when) {
    const minutes = (Date.now() - new Date(when)) / 60000;
    if (minutes < 1) return "just now";
    if (minutes < 60) return `${Math.round(minutes)} min ago`;
    return new Date(when).toLocaleTimeString([], { hour: "numeric", minute: "2-digit" });
  }

  return { row };
};
