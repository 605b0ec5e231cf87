// Rows of pictures that are being made: each picture in its own tile, with its step, and what one can wish of it.
reverie.forming = (live, trigger, smallURL) => {
  "use strict";
  const { el, icon, iconButton, clock, tileShape } = reverie;
  const rows = new Map(); // job id -> its row

  function makeTile(job, index) {
    const image = el("img", { alt: "", draggable: "false", hidden: true });
    const caption = el("figcaption");
    // A preview is an eighth of the picture's size; scaled up, its pixels would show as a grid.
    image.addEventListener("load", () => {
      const cell = image.clientWidth / image.naturalWidth;
      image.style.filter = tile.classList.contains("forming") ? `blur(${Math.min(7, cell / 3).toFixed(1)}px)` : "";
    });
    const skip = job.pictures.length > 1 ? el("div.tile-actions", {},
      iconButton("skip", "Skip this picture", () => trigger("steer", { id: job.id, wish: "skip", index }))) : null;
    const tile = el("figure.tile.forming", {}, image, skip, caption);
    return { tile, image, caption, skip, shown: null };
  }

  function makeRow(job) {
    const title = el("p.row-prompt", {}, el("span", { translate: "no" }, job.prompt));
    const series = reverie.editWords(job.edit);
    if (series.includes(" of ")) title.prepend(el("span.series", {}, series), " ");
    const note = el("p.row-note");
    const bar = el("div.bar", { role: "progressbar", "aria-label": "Progress", "aria-valuemin": "0", "aria-valuemax": "100" }, el("i"));
    const tiles = el("div.tiles", { style: tileShape(job) });
    const stop = el("button.chip", { type: "button", onclick: () => { stop.disabled = true; trigger("stop", { id: job.id }); } },
      icon("stop"), "Stop");
    const steer = (wish) => trigger("steer", { id: job.id, wish, index: null });
    const pause = el("button.chip", { type: "button", onclick: () => steer(row.paused ? "resume" : "pause") });
    const front = el("button.chip", { type: "button", title: "Before your other waiting pictures", hidden: true,
      onclick: () => steer("front") }, "Go first");
    const chips = el("div.chips", {}, front, pause, stop);
    const article = el("article.row.live", { "data-job": job.id, "aria-label": `Dreaming: ${job.prompt}` },
      el("header", {}, title, note, chips), bar, tiles);
    live.prepend(article);
    const row = { article, note, bar, tiles, chips, stop, pause, front, steer, paused: null, slots: [] };
    rows.set(job.id, row);
    return row;
  }

  function formTile(slot, picture, job) {
    const finished = Boolean(picture.saved);
    const src = finished ? smallURL({ id: picture.saved, width: job.width, height: job.height }) : picture.preview;
    if (src && slot.shown !== src) {
      slot.shown = src;
      slot.image.src = src;
      slot.image.hidden = false;
      slot.image.alt = finished ? job.prompt : `Preview of ${job.prompt}`;
    }
    slot.tile.classList.toggle("forming", !finished);
    if (finished) slot.skip?.remove();
    const step = picture.step ? `Step ${picture.step} of ${picture.total_steps || job.total_steps}` : job.paused ? "Paused" : "Waiting";
    const words = finished ? `Seed ${picture.seed}` : step;
    if (slot.caption.textContent !== words) slot.caption.textContent = words;
  }

  // Brings a row up to date and says it in words; `running`: whether anything has begun that others wait behind.
  function show(job, running) {
    const row = rows.get(job.id) ?? makeRow(job);
    row.article.classList.toggle("paused", job.paused);
    row.article.classList.toggle("waiting", job.state === "waiting" && running);
    row.front.hidden = !(job.state === "waiting" && job.place > 1 && running);
    if (row.paused !== job.paused) {
      row.paused = job.paused;
      row.pause.replaceChildren(icon(job.paused ? "play" : "pause"), job.paused ? "Resume" : "Pause");
    }
    const wanted = job.pictures.filter((picture) => !picture.skipped);
    for (const picture of job.pictures) {
      if (picture.skipped) { row.slots[picture.index]?.tile.remove(); continue; }
      const slot = row.slots[picture.index] ?? (row.slots[picture.index] = makeTile(job, picture.index));
      if (!slot.tile.isConnected) row.tiles.append(slot.tile);
      formTile(slot, picture, job);
    }
    const steps = wanted.map((p) => (p.saved ? job.total_steps : p.step) || 0);
    const done = steps.reduce((sum, step) => sum + step, 0);
    const all = job.total_steps * wanted.length;
    const loading = job.state === "running" && !job.paused && !job.stopping && !all ? job.loading : null;
    const share = loading ? Math.round(100 * loading.done) : all ? Math.min(100, Math.round((100 * done) / all)) : 0;
    row.bar.classList.toggle("loading", Boolean(loading));
    row.bar.firstChild.style.width = `${share}%`;
    row.bar.setAttribute("aria-valuenow", share);
    const words = [];
    if (job.paused) words.push("Paused");
    else if (job.state === "waiting") words.push(job.place > 1 ? `Waiting, ${job.place - 1} ahead` : "Next in line");
    else if (job.stopping) words.push("Stopping");
    else if (job.place) words.push("Lets others go first for a moment");
    else if (loading) words.push(loading.what.replace(/…$/, ""), `${share} %`);
    else {
      words.push(job.total_steps ? `Step ${Math.max(0, ...steps)} of ${job.total_steps}` : "Starting");
      if (job.eta !== null && job.eta !== undefined && job.total_steps) words.push(`about ${clock(job.eta)} left`);
    }
    row.note.textContent = [...words, ...job.notices].join(" · ");
    return words.join(", ");
  }

  // A job that failed stays in sight with its reason until it is tried again or put away.
  function fail(job, after) {
    const row = rows.get(job.id) ?? makeRow(job); // it may have failed before the page heard of it
    const putAway = () => { row.article.remove(); after(); };
    rows.delete(job.id);
    row.article.classList.replace("live", "failed");
    row.note.textContent = "";
    row.bar.remove();
    row.tiles.replaceWith(el("p.failure", {}, job.error || "The picture could not be made."));
    row.chips.replaceChildren(
      el("button.chip", { type: "button", onclick: () => { row.steer("retry"); putAway(); } }, icon("all"), "Try again"),
      el("button.chip", { type: "button", onclick: putAway }, icon("close"), "Put away"));
  }

  function remove(id) {
    rows.get(id)?.article.remove();
    rows.delete(id);
  }

  return { show, fail, remove, has: (id) => rows.has(id) };
};
