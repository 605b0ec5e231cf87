// The page's line to the studio: one stream while something goes on, and a light question now and then while nothing
// does. Whatever happens to it, the page says so and finds its way back by itself.
reverie.connection = (receive) => {
  "use strict";
  const { el, url, find, say } = reverie;
  const QUIET = 15, SOON = 2, PATIENCE = 10; // seconds
  let source = null, timer = null, broken = false; // broken: a stream ended that had more to tell
  let newest = null; // the newest job when it was asked last: on another device somebody may have begun one

  const wait = (seconds) => { clearTimeout(timer); timer = setTimeout(ask, 1000 * seconds); };
  const close = () => { source?.close(); source = null; };

  function show(words) {
    broken = true;
    document.body.classList.remove("ready");
    const status = find("status-text");
    if (status) status.textContent = words;
    document.body.classList.add("lost"); // what is going on may have gone on: nothing of it can be told or steered
    say(words);
  }

  function found() {
    broken = false;
    document.body.classList.remove("lost");
    line.remove();
  }

  // The studio was started anew and knows nobody: only the login page helps.
  const line = el("p.lost-line", { role: "alert" }, "The studio was started again and has forgotten you. What you asked for goes on. ",
    el("button.chip", { type: "button", onclick: () => window.location.reload() }, "Log in"));

  // Each stream keeps one of the six connections that a browser has for one address: of the tabs that nobody sees, one
  // listens on. Where the browser has no locks, on an address that is not secure, all of them do.
  let leave = null; // lets another unseen tab listen
  function unseen() {
    navigator.locks?.request("reverie-unseen", { ifAvailable: true }, (lock) => {
      if (!document.hidden) return null;
      if (lock) return new Promise((done) => { leave = done; });
      clearTimeout(timer);
      return close();
    });
  }

  function seen() {
    leave?.();
    leave = null;
    connect();
  }

  function connect() {
    if (document.hidden && navigator.locks && !leave) return;
    close();
    source = new EventSource(url("/reverie/live"));
    source.onmessage = (event) => { found(); wait(QUIET); receive(JSON.parse(event.data)); };
    // The server says when there is nothing more to watch.
    source.addEventListener("idle", () => { close(); wait(QUIET); });
    source.onerror = () => { close(); broken = true; wait(SOON / 2); };
    wait(QUIET); // a stream that opens and stays silent is none
  }

  // Asks whether anybody is there. A page out of sight asks nothing: it connects anew when it is seen again.
  async function ask() {
    if (document.hidden) return;
    if (source) { close(); broken = true; }
    let answer = null;
    try {
      answer = await fetch(url("/reverie/alive"), { cache: "no-store", signal: AbortSignal.timeout(1000 * PATIENCE) });
    } catch { /* nobody there */ }
    if (source) return; // connected meanwhile
    if (answer?.ok) {
      const now = await answer.text().catch(() => newest), other = now !== newest;
      newest = now;
      if (source) return;
      if (broken || other) connect(); else wait(QUIET);
      return;
    }
    const forgotten = answer?.status === 401;
    if (forgotten) find("topbar")?.after(line);
    show(forgotten ? "Log in again" : "Connection lost, trying again…");
    wait(SOON);
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? unseen() : seen()));
  window.addEventListener("online", connect);
  window.addEventListener("offline", () => { if (!source) ask(); });
  return connect;
};
