// Pictures dropped on the prompt or anywhere on the Picture info tab are read there; dropped text stays text.
(() => {
  "use strict";
  const TAB = "picture_info", ZONES = "#prompt-box, #picture-info", PATIENCE = 5000;
  let lit = null;

  const carriesFile = (event) => Boolean(event.dataTransfer?.types.includes("Files"));
  const zoneOf = (event) => (carriesFile(event) && event.target.closest?.(ZONES)) || null;
  const opened = () => document.body.dataset.task === TAB;

  function light(zone) {
    if (lit === zone) return;
    lit?.classList.remove("drop-here");
    zone?.classList.add("drop-here");
    lit = zone;
  }

  // Whatever fills the form while this tab is open (a picture's own buttons) brings the form's tab back with it.
  const setTask = reverie.task;
  reverie.task = (name) => {
    const left = opened() && name !== TAB;
    setTask(name);
    const tab = document.querySelector(`#tasks [role="tab"][data-tab-id="${name}"]`);
    if (left && tab?.getAttribute("aria-selected") !== "true") tab?.click();
    return name;
  };

  // Gradio uploads what its own file input holds; while it is busy with another upload there is no such input.
  reverie.readPicture = (file) => {
    document.querySelector(`#tasks [role="tab"][data-tab-id="${TAB}"]`)?.click();
    const until = Date.now() + PATIENCE;
    (function hand() {
      const input = document.querySelector('#info-picture input[type="file"]');
      if (input) {
        const carrier = new DataTransfer();
        carrier.items.add(file);
        input.files = carrier.files;
        input.dispatchEvent(new Event("change", { bubbles: true }));
      } else if (Date.now() < until) requestAnimationFrame(hand);
    })();
  };

  const take = (event, file) => {
    event.preventDefault();
    event.stopPropagation();
    if (file) reverie.readPicture(file);
  };

  const over = (event) => {
    const zone = zoneOf(event);
    light(zone);
    if (!zone) return;
    event.preventDefault();
    event.stopPropagation();
    event.dataTransfer.dropEffect = "copy";
  };
  document.addEventListener("dragenter", over, true);
  document.addEventListener("dragover", over, true);
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) light(null); }, true);
  document.addEventListener("dragend", () => light(null), true);
  document.addEventListener("drop", (event) => {
    const zone = zoneOf(event);
    light(null);
    if (zone) take(event, event.dataTransfer.files[0]);
  }, true);

  document.addEventListener("paste", (event) => {
    if (!opened()) return;
    const data = event.clipboardData;
    if (data?.files.length && !data.types.includes("text/plain")) take(event, data.files[0]);
    else if (event.target.closest?.("#info-text")) setTimeout(() => reverie.press("info-read"), 0); // once it is in
  }, true);

  // Ctrl+Enter dreams elsewhere; here the form is out of sight, and it reads the text.
  document.addEventListener("keydown", (event) => {
    if (!opened() || event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.target.closest?.("#info-text")) reverie.press("info-read");
  }, true);
})();
