// The results side: what is going on above, then the feed of finished pictures, newest first.
reverie.results = (element, trigger, props, watch) => {
  "use strict";
  const { el, find, say } = reverie;
  const part = (name) => element.querySelector(`[data-part="${name}"]`);
  const live = part("live"), welcome = part("welcome"), shelfBar = part("shelf"), nothing = part("nothing");
  const told = new Set(); // jobs whose end has been dealt with
  const ended = new Set(); // jobs that are known to be over
  const going = new Set(); // series that have not ended
  const since = new Map(); // running jobs: when this page saw them begin
  let spoken = 0, expected = null;

  // The same studio in another tab: what changes here shows there, too.
  const others = new BroadcastChannel("reverie");
  others.onmessage = ({ data }) => { if (data === "begun") connect(); else feed.reload().then(shelf.refresh).then(tidy).catch(() => {}); };

  const deeds = reverie.deeds(trigger, {
    starred: (ids, on) => { feed.starred(ids, on); others.postMessage("changed"); },
    removed: (ids) => { chosen.gone(ids); feed.removed(ids); others.postMessage("changed"); },
    restored: () => { others.postMessage("changed"); return feed.reload().then(shelf.refresh); },
    stale: () => feed.newest().catch(() => {}),
  });
  const forming = reverie.forming(live, trigger, deeds.smallURL);
  const chosen = reverie.choosing(part("chosen"), deeds, () => feed);
  const open = (id) => reverie.view(id, feed, deeds);
  const tiles = reverie.tiles(deeds, chosen, open);
  const feed = reverie.feed(part("feed"), part("end"), tiles.row, tidy);
  const shelf = reverie.shelf(shelfBar, deeds, (query) => { chosen.clear(); feed.reload(query).catch(lost); });

  const lost = () => reverie.notice("The studio does not answer; try again in a moment.");

  // ---- going on -------------------------------------------------------------------------------------------------

  function endJob(job) {
    if (told.has(job.id)) return;
    told.add(job.id);
    reverie.begun.end(job);
    const took = Date.now() - (since.get(job.id) ?? Date.now());
    if (job.state !== "cancelled") reverie.ended(job.state === "failed" ? job.error : `Finished: ${job.prompt.slice(0, 80)}`, took);
    since.delete(job.id);
    const count = job.pictures.filter((picture) => !picture.skipped).length;
    say(job.state === "finished" ? `Finished: ${count} ${count === 1 ? "picture" : "pictures"}`
      : job.state === "failed" ? job.error : "Stopped");
    for (const sentence of job.notices.filter((words) => words.includes("not saved"))) reverie.notice(sentence);
    if (job.state === "failed") forming.fail(job, tidy);
    else if (job.state === "cancelled" && forming.has(job.id)) {
      const name = job.prompt.length > 40 ? `${job.prompt.slice(0, 40)}…` : job.prompt;
      const again = { label: "Try again", act: () => trigger("steer", { id: job.id, wish: "retry", index: null }) };
      reverie.notice(`Stopped “${name}”.`, again);
    }
    loadNewest().then(() => unseen(job)).finally(() => { forming.remove(job.id); tidy(); });
  }

  // What was just made is never put out of sight without a word.
  function unseen(job) {
    if (!feed.filtered()) return;
    const seen = new Set(feed.pictures().map(({ picture }) => picture.id));
    const hidden = job.pictures.filter(({ saved }) => saved && !seen.has(saved)).length;
    if (hidden) reverie.notice(`${hidden === 1 ? "1 new picture" : `${hidden} new pictures`}: the search hides what does not match it.`, { label: "Clear the search", act: shelf.reset });
  }

  function receive(message) {
    const status = find("status-text");
    if (status && status.textContent !== message.status) status.textContent = message.status;
    document.body.classList.toggle("ready", message.ready);
    const active = message.jobs.filter((job) => ["waiting", "running"].includes(job.state));
    const begun = active.some((job) => job.state === "running"); // only behind another one does a job wait folded up
    let words = "";
    for (const job of [...message.jobs].reverse()) {
      if (job.state === "running" && !since.has(job.id)) since.set(job.id, Date.now());
      words = (active.includes(job) && forming.show(job, begun)) || words;
      if (!active.includes(job)) { if (forming.has(job.id)) forming.show(job, begun); endJob(job); }
    }
    // Jobs that ended while this page was not listening, or before it began to; the feed may be older than their end.
    const unheard = message.ended.filter((job) => !ended.has(job.id));
    for (const job of message.ended) if (forming.has(job.id) || job.id === expected) endJob(job);
    for (const job of unheard) ended.add(job.id);
    if (unheard.some((job) => !told.has(job.id))) loadNewest();
    for (const series of message.series ?? []) {
      if (series.state === "running") { going.add(series.id); continue; }
      if (told.has(series.id)) continue;
      told.add(series.id);
      going.delete(series.id);
      if (series.notice) reverie.notice(series.notice);
      loadNewest(); // its end may have made one more picture
    }
    document.body.classList.toggle("dreaming", active.length + going.size > 0);
    document.title = active.length ? `Dreaming… · Reverie` : "Reverie";
    if (words && Date.now() - spoken > 5000) { spoken = Date.now(); say(words); }
    tidy();
  }

  const connect = reverie.connection(receive); // the first message of a stream tells everything from the start

  // ---- finished -------------------------------------------------------------------------------------------------

  const loadNewest = () => feed.newest().then(() => { shelf.refresh(); }).catch(lost);

  function tidy() {
    const none = feed.empty();
    const fresh = none && !feed.filtered() && !live.childElementCount;
    welcome.hidden = !fresh;
    nothing.hidden = !(none && feed.filtered());
    shelfBar.hidden = none && !feed.filtered();
    element.querySelector(".results")?.classList.toggle("empty", fresh);
  }

  // ---- the first minute -----------------------------------------------------------------------------------------

  function cards() {
    const { examples, hint } = JSON.parse(props.welcome);
    part("cards").replaceChildren(...examples.map((prompt, i) =>
      el("article.card", { style: `--turn: ${i * 47}` }, el("p", { translate: "no" }, prompt),
        el("button.chip", { type: "button", onclick: () => trigger("template", { prompt }) }, "Try template"))));
    part("hint").textContent = hint;
  }

  // The server writes the new job's id here: time to watch, and on a phone to bring the tiles into view.
  watch("value", () => {
    expected = props.value;
    reverie.begun.start(expected);
    others.postMessage("begun");
    connect();
    const phone = window.matchMedia("(max-width: 820px)").matches;
    const out = live.getBoundingClientRect().bottom < element.closest("#stage").getBoundingClientRect().top; // somebody is further down
    if (phone || out) element.scrollIntoView({ behavior: window.matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth", block: "start" });
  });

  cards();
  feed.reload().then(shelf.refresh).catch(lost).finally(() => { element.querySelector(".results").dataset.loaded = ""; tidy(); });
  connect();
};
