// The results side: what is going on above, then the feed of finished pictures, newest first.
reverie.results = (element, trigger, props, watch) => {
  "use strict";
  const { el, iconButton, url, find, say, tileShape } = reverie;
  const part = (name) => element.querySelector(`[data-part="${name}"]`);
  const live = part("live"), feed = part("feed"), welcome = part("welcome"), more = part("more");
  const told = new Set(); // jobs whose end has been dealt with
  let shown = [], oldest = null, spoken = 0, expected = null;

  const pictureURL = (id) => url(`/reverie/picture/${encodeURIComponent(id)}`);
  const smallURL = (picture) =>
    Math.max(picture.width, picture.height) <= 512 ? pictureURL(picture.id) : url(`/reverie/thumbnail/${encodeURIComponent(picture.id)}`);

  const forming = reverie.forming(live, trigger, smallURL);

  // What a person can do with a finished picture; the viewer shows the same list in words.
  const ACTIONS = [
    ["image", "Send to image to image", (p) => trigger("send", { id: p.id, task: "image_to_image" })],
    ["mask", "Send to inpainting", (p) => trigger("send", { id: p.id, task: "inpaint" })],
    ["prompt", "Reuse prompt", (p) => trigger("reuse", { id: p.id, what: "prompt" })],
    ["seed", "Reuse seed", (p) => trigger("reuse", { id: p.id, what: "seed" })],
    ["all", "Reuse everything", (p) => trigger("reuse", { id: p.id, what: "everything" })],
    ["download", "Download", (p) => download(p)],
  ];

  function download(picture) {
    const link = el("a", { href: pictureURL(picture.id) + "?download=1", download: "" });
    document.body.append(link);
    link.click();
    link.remove();
  }

  // ---- going on -------------------------------------------------------------------------------------------------

  function endJob(job) {
    if (told.has(job.id)) return;
    told.add(job.id);
    const count = job.pictures.filter((picture) => !picture.skipped).length;
    say(job.state === "finished" ? `Finished: ${count} ${count === 1 ? "picture" : "pictures"}`
      : job.state === "failed" ? job.error : "Stopped");
    if (job.state === "failed") forming.fail(job, tidy);
    loadNewest().finally(() => { forming.remove(job.id); tidy(); });
  }

  function receive(message) {
    const status = find("status-text");
    if (status && status.textContent !== message.status) status.textContent = message.status;
    document.body.classList.toggle("ready", message.ready);
    const active = message.jobs.filter((job) => ["waiting", "running"].includes(job.state));
    const begun = active.some((job) => job.state === "running"); // only behind another one does a job wait folded up
    let words = "";
    for (const job of [...message.jobs].reverse()) {
      words = (active.includes(job) && forming.show(job, begun)) || words;
      if (!active.includes(job)) { if (forming.has(job.id)) forming.show(job, begun); endJob(job); }
    }
    // Jobs that ended while this page was not listening, or before it began to.
    for (const job of message.ended) if (forming.has(job.id) || job.id === expected) endJob(job);
    document.body.classList.toggle("dreaming", active.length > 0);
    document.title = active.length ? `Dreaming… · Reverie` : "Reverie";
    if (words && Date.now() - spoken > 5000) { spoken = Date.now(); say(words); }
    tidy();
  }

  const connect = reverie.connection(receive); // the first message of a stream tells everything from the start

  // ---- finished -------------------------------------------------------------------------------------------------

  function pictureTile(row, picture) {
    const image = el("img", { src: smallURL(picture), alt: row.prompt, loading: "lazy", draggable: "false" });
    const open = el("button.open", { type: "button", "aria-label": `Open picture, seed ${picture.seed}`,
      onclick: () => reverie.view(shown, picture.id, ACTIONS, pictureURL) }, image);
    const actions = ACTIONS.map(([name, label, act]) => iconButton(name, label, () => act(picture)));
    const seed = el("button.seed", { type: "button", title: "Reuse seed", onclick: () => trigger("reuse", { id: picture.id, what: "seed" }) },
      `Seed ${picture.seed}`);
    return el("figure.tile", { "data-picture": picture.id, "data-seed": picture.seed }, open,
      el("div.tile-actions", { role: "group", "aria-label": "What to do with this picture" }, ...actions), el("figcaption", {}, seed));
  }

  function feedRow(row) {
    const first = row.pictures[0];
    const reuse = iconButton("prompt", "Reuse prompt", () => trigger("reuse", { id: first.id, what: "prompt" }));
    const save = iconButton("download", row.pictures.length === 1 ? "Download" : `Download ${row.pictures.length} pictures`,
      () => row.pictures.forEach((picture, i) => setTimeout(() => download(picture), 250 * i)));
    return el("article.row", { "data-row": row.key, "aria-label": row.prompt },
      el("header", {}, el("p.row-prompt", { title: row.prompt }, row.prompt), reuse,
        el("time.row-note", { datetime: row.when }, ago(row.when)), save),
      el("div.tiles", { style: tileShape(first) }, ...row.pictures.map((p) => pictureTile(row, p))));
  }

  function ago(when) {
    const then = new Date(when), minutes = (Date.now() - then) / 60000;
    if (minutes < 1) return "just now";
    if (minutes < 60) return `${Math.round(minutes)} min ago`;
    const day = { hour: "numeric", minute: "2-digit" };
    return then.toLocaleString([], minutes < 720 ? day : { month: "short", day: "numeric", ...day });
  }

  async function page(before) {
    const answer = await fetch(url("/reverie/feed") + (before ? `?before=${encodeURIComponent(before)}` : ""));
    if (!answer.ok) throw new Error(`feed: ${answer.status}`);
    return answer.json();
  }

  function remember(list) {
    shown = list;
    oldest = shown.at(-1)?.oldest ?? null;
  }

  // New rows go on top; rows already there stay untouched, so nothing flickers and nobody loses their place.
  async function loadNewest() {
    const fresh = await page(null);
    const known = new Map(shown.map((row) => [row.key, row]));
    const added = fresh.rows.filter((row) => known.get(row.key)?.pictures.length !== row.pictures.length);
    const ids = new Set(added.flatMap((row) => row.pictures.map((picture) => picture.id)));
    const outdated = shown.filter((row) => row.pictures.some((picture) => ids.has(picture.id)));
    for (const row of outdated) feed.querySelector(`[data-row="${CSS.escape(row.key)}"]`)?.remove();
    for (const row of [...added].reverse()) feed.prepend(feedRow(row));
    const first = shown.length === 0;
    remember([...added, ...shown.filter((row) => !outdated.includes(row))]);
    if (first) more.hidden = !fresh.more;
    tidy();
  }

  async function loadOlder() {
    more.disabled = true;
    try {
      const older = await page(oldest);
      for (const row of older.rows) { feed.append(feedRow(row)); shown.push(row); }
      remember(shown);
      more.hidden = !older.more;
    } finally { more.disabled = false; }
  }
  more.addEventListener("click", loadOlder);

  function tidy() {
    const empty = !shown.length && !live.childElementCount;
    welcome.hidden = !empty;
    element.querySelector(".results")?.classList.toggle("empty", empty);
  }

  // ---- the first minute -----------------------------------------------------------------------------------------

  function cards() {
    const { examples, hint } = JSON.parse(props.welcome);
    part("cards").replaceChildren(...examples.map((prompt, i) =>
      el("article.card", { style: `--turn: ${i * 47}` }, el("p", {}, prompt),
        el("button.chip", { type: "button", onclick: () => trigger("template", { prompt }) }, "Try template"))));
    part("hint").textContent = hint;
  }

  // The server writes the new job's id here: time to watch, and on a phone to bring the tiles into view.
  watch("value", () => {
    expected = props.value;
    connect();
    if (window.matchMedia("(max-width: 820px)").matches) {
      element.scrollIntoView({ behavior: window.matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth", block: "start" });
    }
  });

  cards();
  loadNewest().catch(() => tidy());
  connect();
};
