// The Settings room, and what happens when a long job has ended.
(() => {
  "use strict";
  const SOUND = "reverie-sound", MESSAGE = "reverie-message", LONG = 10000; // milliseconds
  const on = (key) => localStorage.getItem(key) === "on";

  reverie.settings = (element) => {
    const part = (name) => element.querySelector(`[data-part="${name}"]`);
    const looks = [...element.querySelectorAll("input[name=look]")];

    function show() {
      for (const look of looks) look.checked = look.value === reverie.look.chosen();
      part("language").value = reverie.language.stored();
      part("sound").checked = on(SOUND);
      part("message").checked = on(MESSAGE) && window.Notification?.permission === "granted";
    }

    for (const look of looks) look.addEventListener("change", () => reverie.look.choose(look.value));
    part("language").addEventListener("change", ({ target }) => reverie.language.choose(target.value));
    part("sound").addEventListener("change", ({ target }) => { localStorage.setItem(SOUND, target.checked ? "on" : "off"); if (target.checked) chime(); });
    part("message").addEventListener("change", async ({ target }) => {
      const granted = target.checked && window.Notification && await Notification.requestPermission() === "granted";
      localStorage.setItem(MESSAGE, granted ? "on" : "off");
      if (target.checked && !granted) reverie.notice("The browser does not let this page show messages; allow it beside the address.");
      show();
    });
    part("forget").addEventListener("click", () => {
      for (const key of Object.keys(localStorage)) if (key.startsWith("reverie")) localStorage.removeItem(key);
      indexedDB.databases?.().then((all) => all.filter(({ name }) => name?.startsWith("reverie")).forEach(({ name }) => indexedDB.deleteDatabase(name)));
      window.location.reload();
    });
    document.addEventListener("reverie:look", show);
    show();
  };

  // Two soft tones, a fifth apart; made here, so that nothing has to be fetched.
  function chime() {
    const audio = new AudioContext();
    [523.25, 783.99].forEach((pitch, index) => {
      const tone = audio.createOscillator(), volume = audio.createGain(), start = audio.currentTime + index * 0.16;
      tone.frequency.value = pitch;
      volume.gain.setValueAtTime(0.0001, start);
      volume.gain.exponentialRampToValueAtTime(0.14, start + 0.03);
      volume.gain.exponentialRampToValueAtTime(0.0001, start + 0.7);
      tone.connect(volume).connect(audio.destination);
      tone.start(start);
      tone.stop(start + 0.75);
    });
    setTimeout(() => audio.close(), 1500);
  }

  reverie.ended = (words, took) => {
    if (took < LONG) return;
    if (on(SOUND)) chime();
    if (on(MESSAGE) && window.Notification?.permission === "granted") new Notification("Reverie", { body: words, tag: "reverie" });
  };
})();
