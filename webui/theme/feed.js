// The endless feed. It lies in chunks; those far from the window keep their height and give up all else, so that fifty
// thousand pictures need no more memory than fifty.
reverie.feed = (root, end, makeRow, shapeChanged) => {
  "use strict";
  const { el, url } = reverie;
  const NEAR = 1500; // pixels beyond the window in which chunks are kept
  let query = "", chunks = [], older = null, generation = 0, near = null, last = null;

  async function page(after, upto) {
    const place = new URLSearchParams(query);
    if (after !== null) place.set("after", after);
    if (upto !== null) place.set("upto", upto);
    const answer = await fetch(url("/reverie/feed?") + place);
    if (!answer.ok) throw new Error(`feed: ${answer.status}`);
    return answer.json();
  }

  const today = () => new Date().toDateString();
  function dayName(when) {
    const day = new Date(when), yesterday = new Date(Date.now() - 864e5);
    if (day.toDateString() === today()) return "Today";
    if (day.toDateString() === yesterday.toDateString()) return "Yesterday";
    const year = day.getFullYear() === new Date().getFullYear() ? {} : { year: "numeric" };
    return day.toLocaleDateString([], { weekday: "long", day: "numeric", month: "long", ...year });
  }

  const signature = (row) => [row.key, ...row.pictures.map((picture) => picture.id)].join();

  // Brings a chunk's elements to what its rows say; those that have not changed are not touched, so nothing flickers.
  function draw(chunk) {
    const known = new Map([...chunk.node.children].map((node) => [node.dataset.signature, node]));
    let day = chunks[chunks.indexOf(chunk) - 1]?.lastDay ?? null, place = chunk.node.firstChild;
    const put = (mark, make) => {
      const node = known.get(mark) ?? make();
      node.dataset.signature = mark;
      if (node === place) place = place.nextSibling;
      else chunk.node.insertBefore(node, place);
    };
    for (const row of chunk.rows) {
      const name = dayName(row.when);
      if (name !== day) put(`day ${name}`, () => el("h3.day", {}, name));
      day = name;
      put(signature(row), () => makeRow(row));
    }
    while (place) { const next = place.nextSibling; place.remove(); place = next; }
    chunk.node.style.height = "";
    chunk.lastDay = day;
  }

  async function fill(chunk) {
    const mine = generation, turn = chunk.turn = (chunk.turn ?? 0) + 1, rows = [];
    let after = chunk.after;
    do {
      const told = await page(after, chunk.upto);
      rows.push(...told.rows);
      after = told.after;
    } while (after !== null && chunk.upto !== null);
    if (mine !== generation || turn !== chunk.turn) return; // asked again meanwhile
    chunk.rows = rows;
    draw(chunk);
    shapeChanged();
  }

  function empty(chunk) {
    if (!chunk.rows?.length) return;
    chunk.node.style.height = `${chunk.node.offsetHeight}px`;
    Object.assign(chunk, { rows: null, wanted: false });
    chunk.node.replaceChildren();
  }

  function observe() {
    near?.disconnect();
    last?.disconnect();
    const narrow = window.matchMedia("(max-width: 820px)").matches;
    const how = { root: narrow ? null : document.getElementById("stage"), rootMargin: `${NEAR}px 0px` };
    near = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        const chunk = chunks.find((one) => one.node === target);
        if (!chunk) continue;
        if (!isIntersecting) empty(chunk);
        else if (chunk.rows === null) { chunk.wanted = true; fill(chunk).catch(() => {}); }
      }
    }, how);
    last = new IntersectionObserver((entries) => { if (entries.some((entry) => entry.isIntersecting)) more().catch(() => {}); }, how);
    for (const chunk of chunks) near.observe(chunk.node);
    last.observe(end);
  }
  window.matchMedia("(max-width: 820px)").addEventListener("change", observe);

  function add(after, told) {
    const chunk = { node: el("div.chunk"), after, upto: told.after, rows: told.rows, lastDay: null };
    chunks.push(chunk);
    root.append(chunk.node);
    draw(chunk);
    near.observe(chunk.node);
    older = told.after;
    end.hidden = older === null;
    shapeChanged();
  }

  let coming = null;
  function more() {
    if (older === null) return Promise.resolve(false);
    const mine = generation, after = older;
    coming ??= page(after, null).then((told) => {
      if (mine !== generation) return false;
      add(after, told);
      last.unobserve(end); // a page that did not fill the window asks for the next one
      last.observe(end);
      return true;
    }).finally(() => { coming = null; });
    return coming;
  }

  // From the newest again: for another search, or where there was nothing yet.
  async function reload(wanted = query) {
    query = wanted;
    const mine = ++generation;
    coming = null;
    const told = await page(null, null);
    if (mine !== generation) return;
    chunks = [];
    root.replaceChildren();
    if (!near) observe();
    add(null, told);
  }

  // One question after the other: an answer that was late would bring back what was there before.
  let looking = null, again = false;
  function newest() {
    again = true;
    return looking ??= lookWhileAsked();
  }

  async function lookWhileAsked() {
    try {
      while (again) { again = false; await lookAgain(); }
    } finally { looking = null; }
  }

  async function lookAgain() {
    const first = chunks[0];
    if (!first) return reload();
    if (first.upto === null) { // everything was on one page; now there may be more
      const mine = generation, told = await page(null, null);
      if (mine !== generation) return;
      Object.assign(first, { rows: told.rows, upto: told.after });
      if (chunks.length === 1) { older = told.after; end.hidden = older === null; }
      draw(first);
      return shapeChanged();
    }
    if (first.rows !== null || first.wanted) await fill(first);
  }

  const loaded = () => chunks.flatMap((chunk) => chunk.rows ?? []);
  const pictures = () => loaded().flatMap((row) => row.pictures.map((picture) => ({ row, picture })));

  function removed(ids) {
    for (const chunk of chunks.filter((one) => one.rows)) {
      for (const row of chunk.rows) row.pictures = row.pictures.filter((picture) => !ids.has(picture.id));
      chunk.rows = chunk.rows.filter((row) => row.pictures.length);
    }
    for (const chunk of chunks.filter((one) => one.rows)) draw(chunk);
    shapeChanged();
  }

  const tile = (id) => root.querySelector(`[data-picture="${CSS.escape(id)}"]`);

  function starred(ids, on) {
    for (const { picture } of pictures().filter((one) => ids.has(one.picture.id))) {
      picture.starred = on;
      tile(picture.id)?.classList.toggle("starred", on);
      tile(picture.id)?.querySelector(".star")?.setAttribute("aria-pressed", String(on));
    }
  }

  return { reload, newest, more, pictures, removed, starred, tile, filtered: () => query !== "", empty: () => !loaded().length && older === null && chunks.every((chunk) => chunk.rows !== null) };
};
