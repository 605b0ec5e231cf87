// Which room is shown: the studio, the library, which is its feed alone, the models, or the settings. Each has an address of
// its own, so that the browser's Back leads to the one before, and a reload stays. What covers a room whole, as the viewer
// does, is left by Back before the room is.
(() => {
  "use strict";
  const FIRST = "studio";
  const covered = () => Boolean(window.history.state?.covered);
  const covers = () => [...document.querySelectorAll("dialog[open]")];
  let leaving = false; // the history is being taken back because a dialog was closed
  const known = (name) => document.querySelector(`.rooms button[data-to="${CSS.escape(name)}"]`) !== null;

  function show(name) {
    if ((document.body.dataset.room ?? FIRST) === name) return;
    document.body.dataset.room = name;
    for (const button of document.querySelectorAll(".rooms button")) button.setAttribute("aria-current", button.dataset.to === name ? "page" : "false");
    if (name === "models") reverie.lookAtModels?.();
    if (name === "library") for (const whole of [document.getElementById("stage"), document.scrollingElement]) whole?.scrollTo({ top: 0 });
  }

  function addressed() {
    const name = window.location.hash.slice(1);
    show(name && known(name) ? name : FIRST);
  }

  reverie.room = (name) => {
    if ((document.body.dataset.room ?? FIRST) === name) return;
    const address = name === FIRST ? window.location.pathname + window.location.search : `#${name}`;
    window.history[covered() ? "replaceState" : "pushState"](null, "", address); // from the viewer: instead of it
    show(name);
  };

  // Says that a dialog covers the room; one that another takes the place of shares its entry in the history.
  reverie.cover = (dialog) => {
    if (!covered()) window.history.pushState({ covered: true }, "");
    dialog.addEventListener("close", () => { if (covered() && !document.querySelector("dialog.viewer[open]")) { leaving = true; window.history.back(); } });
  };

  window.addEventListener("popstate", () => {
    if (!covered() && !leaving) covers().forEach((dialog) => dialog.close());
    leaving = false;
    addressed();
  });
  document.addEventListener("click", (event) => {
    const to = event.target.closest?.(".rooms button")?.dataset.to;
    if (to) reverie.room(to);
  });
  if (covered()) window.history.replaceState(null, ""); // the page was opened anew: nothing is covered
  reverie.openRoom = addressed;
})();
