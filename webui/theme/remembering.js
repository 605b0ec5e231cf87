// A change is remembered at once, those that follow it closely once they have paused: gathering all fields takes longer
// than the next key does.
(() => {
  "use strict";
  const PAUSE = 250; // milliseconds
  let trigger = null, timer = null, more = false;

  function settle() {
    clearTimeout(timer);
    timer = null;
    if (!more || !trigger) return;
    more = false;
    trigger("settled");
  }

  reverie.changed = () => {
    const first = timer === null;
    more = true;
    if (first) settle();
    clearTimeout(timer);
    timer = setTimeout(settle, PAUSE);
  };
  reverie.remembering = (told) => { trigger = told; settle(); };
  window.addEventListener("pagehide", settle);
})();
