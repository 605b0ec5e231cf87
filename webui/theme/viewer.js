// One picture, large, with its recipe, where it comes from, and everything that can be done with it.
reverie.view = (id, feed, deeds, alone) => {
  "use strict";
  const { el, icon, iconButton } = reverie;
  let all = [], at = 0, chained = "", compare = null;

  const image = el("img");
  const words = el("div.viewer-words");
  const close = () => dialog.close();
  const now = () => all[at];
  const keys = { ArrowLeft: () => move(-1), ArrowRight: () => move(1), Home: () => jump(0), End: () => jump(Infinity), c: () => { if (!compareChip.hidden) compareChip.click(); }, s: () => deeds.download([now().picture]), f: () => star(), r: () => { if (chained === now().picture.id) replay(); }, Delete: () => remove() };
  const compareChip = el("button.chip.compare-chip", { type: "button", title: "Compare with what it was made from (C)", hidden: true, onclick: () => compare?.() }, icon("compare"), "Compare");
  const dialog = el("dialog.viewer", { "aria-label": "Picture",
    onclick: (event) => { if (event.target === dialog) close(); },
    onclose: () => dialog.remove(),
    onkeydown: (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
      event.preventDefault();
      keys[event.key]();
    } },
    el("div.viewer-picture", {}, iconButton("left", "Newer picture", () => move(-1), ".previous"), image,
      iconButton("right", "Older picture", () => move(1), ".next"), compareChip),
    el("div.viewer-side", {}, iconButton("close", "Close", close, ".close"), words));

  // What is in the feed now: it changes while one looks, and far chunks have given up their pictures.
  function look(wanted) {
    all = alone ? [alone] : feed.pictures();
    at = all.findIndex(({ picture }) => picture.id === wanted);
    return at >= 0;
  }

  async function move(by) {
    if (alone) return;
    const here = now().picture.id;
    if (!look(here)) return close();
    if (at + by >= all.length && await feed.more().catch(() => false)) look(here);
    if (at + by < 0 || at + by >= all.length) return;
    at += by;
    feed.tile(now().picture.id)?.scrollIntoView({ block: "center" }); // brings the chunks around it
    show();
  }

  function jump(to) {
    if (alone || !look(now().picture.id)) return;
    at = Math.min(to, all.length - 1);
    feed.tile(now().picture.id)?.scrollIntoView({ block: "center" });
    show();
  }

  async function star() {
    const { picture } = now(), on = !picture.starred;
    await deeds.star([picture], on);
    picture.starred = on;
    show();
  }

  const replay = () => reverie.replaying(now().picture, deeds, close);

  async function remove() {
    const { picture } = now(), next = all[at + 1] ?? all[at - 1];
    await deeds.remove([picture]);
    if (alone || !next || !look(next.picture.id)) close();
    else show();
  }

  async function openOther(small) {
    const row = await deeds.ask(`/reverie/row/${encodeURIComponent(small.id)}`);
    if (!row) return;
    close();
    reverie.view(small.id, feed, deeds, { row, picture: row.pictures[0] });
  }

  function comparable(before, after) {
    compareChip.hidden = false;
    compare = async () => { const found = await before(); if (found) reverie.compare([found, after], deeds); };
  }

  async function lineage(place, { row, picture }) {
    if (!picture.kept) return;
    const told = await deeds.ask(`/reverie/lineage/${encodeURIComponent(picture.id)}`, undefined, picture.id);
    if (!told && !alone && !look(picture.id)) return close(); // its file is gone
    if (!told || now().picture !== picture) return;
    const thumb = (small) => el("button.thumb", { type: "button", title: `${reverie.editWords(small.edit)} · seed ${small.seed}: ${small.prompt}`,
      "aria-label": `Open picture, seed ${small.seed}`, onclick: () => openOther(small) }, el("img", { src: deeds.thumbnailURL(small.id), alt: small.prompt }));
    if (told.branched) picture.details.Branch = `after step ${told.branched}`;
    if (told.parent) {
      comparable(async () => {
        const other = await deeds.ask(`/reverie/row/${encodeURIComponent(told.parent.id)}`);
        return other && { row: other, picture: other.pictures[0] };
      }, { row, picture });
      place.append(el("h4", {}, `Made from${picture.edit ? ` (${reverie.editWords(picture.edit)}${told.branched ? ` after step ${told.branched}` : ""})` : ""}`), ...reverie.chain(told.chain, picture, thumb, replay));
      chained = picture.id;
    } else if (picture.parent) place.append(el("h4", {}, "Made from a picture that is no longer in the library"));
    const src = told.parent ? null : await reverie.begun.of(picture.id);
    if (src && now().picture === picture) comparable(() => ({ row, picture: { src, width: picture.width, height: picture.height } }), { row, picture });
    if (told.children.length) place.append(el("h4", {}, "Led to"), el("div.thumbs", {}, ...told.children.map(thumb)));
  }

  const VERDICTS = { identical: "Proven: the same picture, every pixel alike.", same: "Proven: the same picture, within what nobody can see.",
    different: "A different picture came out.", not_possible: "It cannot be made again." };

  async function prove(button, place) {
    const { picture } = now();
    button.disabled = true;
    place.replaceChildren("Making it once more…");
    const told = await deeds.ask(`/reverie/prove/${encodeURIComponent(picture.id)}`, {});
    button.disabled = false;
    if (!told) return place.replaceChildren();
    const off = told.outcome === "same" || told.outcome === "different" ? ` The largest difference is ${told.largest_difference} of 255.` : "";
    place.replaceChildren(el("strong", {}, VERDICTS[told.outcome] + off), ...told.reasons.map((reason) => el("span", {}, ` ${reason}`)));
    place.dataset.outcome = told.outcome;
  }

  function show() {
    const { row, picture } = now();
    compareChip.hidden = true;
    image.src = deeds.pictureURL(picture.id);
    const prompt = picture.prompt ?? row.prompt, without = picture.negative_prompt ?? row.negative_prompt;
    image.alt = prompt;
    const facts = Object.entries(picture.details).map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", { translate: "no" }, String(value))));
    const chip = (name, label, act, keep) => el("button.chip", { type: "button", onclick: () => { act(picture); if (!keep) close(); } }, icon(name), label);
    const starChip = el("button.chip.star", { type: "button", "aria-pressed": String(picture.starred), title: "F", onclick: star }, icon("star"), picture.starred ? "Starred" : "Star");
    const verdict = el("p.verdict", { role: "status" }), origins = el("div.origins"), steps = el("div.steps", { hidden: true });
    const proveChip = el("button.chip", { type: "button", title: "Makes it once more from its recipe, and compares", onclick: () => prove(proveChip, verdict) }, icon("prove"), "Prove it");
    const group = (name, ...chips) => el("section.viewer-group", {}, el("h4", {}, name), el("div.viewer-actions", {}, ...chips));
    words.replaceChildren(
      picture.kept ? "" : el("p.viewer-unsaved", {}, "This picture is not saved: the disk did not take it. Download it, or it goes with the studio."),
      el("p.viewer-prompt", { translate: "no" }, prompt),
      without ? el("p.viewer-negative", {}, "Without: ", el("span", { translate: "no" }, without)) : "",
      el("dl", {}, ...facts),
      group("Keep", starChip, chip("download", "Download", () => deeds.download([picture]), true),
        chip("more", "Download as…", () => reverie.downloading([picture], deeds), true),
        picture.kept ? chip("print", "Print…", () => reverie.printing(picture, deeds), true) : ""),
      group("Go on from it", chip("image", "Send to image to image", deeds.toImage), chip("mask", "Send to inpainting", deeds.toMask),
        chip("vary", "Variations", deeds.vary), picture.kept ? chip("larger", "Upscale…", () => reverie.enlarging(picture, deeds)) : "",
        chip("minus", "Vary subtly", deeds.varySubtle), chip("plus", "Vary strongly", deeds.varyStrong)),
      steps,
      group("Use again", chip("prompt", "Reuse prompt", deeds.reusePrompt), chip("seed", "Reuse seed", deeds.reuseSeed),
        chip("all", "Reuse everything", deeds.reuseAll), chip("swap", "Remix: all but the seed", deeds.remix)),
      origins,
      group("The picture itself", picture.kept && picture.edit !== "grid_sheet" ? proveChip : "",
        el("button.chip.danger", { type: "button", title: "Delete", onclick: remove }, icon("trash"), "Delete")),
      verdict);
    lineage(origins, now());
    if (picture.kept) reverie.steps(steps, image, picture, deeds, close, () => now().picture === picture);
    dialog.querySelector(".previous").disabled = alone || at === 0;
    dialog.querySelector(".next").disabled = Boolean(alone);
  }

  if (!look(id)) return;
  show();
  document.body.append(dialog);
  dialog.showModal();
  reverie.cover(dialog);
};
