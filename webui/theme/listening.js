// What listens to many fields hears of every change at once, or, where it has a pause, of the first at once and of those
// that follow it closely when they have stopped: gathering all fields takes longer than the next key does.
(() => {
  "use strict";
  const ears = {};
  const ear = (name) => ears[name] ??= { tell: null, pause: 0, timer: null, more: false };

  function settle(it) {
    clearTimeout(it.timer);
    it.timer = null;
    if (!it.more || !it.tell) return;
    it.more = false;
    it.tell();
  }

  reverie.changed = (...names) => { for (const name of names) hear(ear(name)); };

  function hear(it) {
    const first = it.timer === null;
    it.more = true;
    if (first) settle(it);
    if (!it.pause) return;
    clearTimeout(it.timer);
    it.timer = setTimeout(() => settle(it), it.pause);
  }
  reverie.listening = (name, tell, pause) => { settle(Object.assign(ear(name), { tell, pause })); };
  window.addEventListener("pagehide", () => { Object.values(ears).forEach(settle); });
})();
