// What pictures were made from where the library does not know it: an upload, as long as this tab lives and the studio has it.
reverie.begun = (() => {
  "use strict";
  const KEPT = "reverie-begun", MOST = 100;
  const jobs = new Map();
  const read = () => { try { return JSON.parse(sessionStorage.getItem(KEPT) ?? "[]"); } catch { return []; } };

  return {
    start(job) {
      const shown = document.querySelector(".easel-frame:not([hidden]) img");
      if (shown && ["inpaint", "image_to_image"].includes(document.body.dataset.task)) jobs.set(job, shown.src);
    },
    end(job) {
      const from = jobs.get(job.id), ids = job.pictures.map((picture) => picture.saved).filter(Boolean);
      if (!jobs.delete(job.id) || !ids.length) return;
      try { sessionStorage.setItem(KEPT, JSON.stringify([...read(), ...ids.map((id) => [id, from])].slice(-MOST))); } catch { /* no room: no comparing */ }
    },
    // Its address, if it can still be shown.
    async of(id) {
      const found = read().find(([each]) => each === id)?.[1];
      if (!found) return null;
      const image = new Image();
      image.src = found;
      return image.decode().then(() => found, () => null);
    },
  };
})();
