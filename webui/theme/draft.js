// Words that were typed while the studio was away: the page is loaded anew when it is back, and has them again.
reverie.draft = (() => {
  "use strict";
  const KEY = "reverie-draft", FIELDS = ["prompt", "negative-prompt"];
  const area = (id) => document.querySelector(`#${id} textarea`);

  window.addEventListener("pagehide", () => {
    const words = FIELDS.map((id) => [id, area(id)?.value ?? ""]);
    sessionStorage.setItem(KEY, JSON.stringify(Object.fromEntries(words)));
  });

  // Called once the form is as the browser remembered it, which may be a moment older.
  return () => {
    const words = JSON.parse(sessionStorage.getItem(KEY) ?? "{}");
    sessionStorage.removeItem(KEY);
    if (performance.getEntriesByType("navigation")[0]?.type !== "reload") return;
    for (const id of FIELDS) {
      const field = area(id);
      if (!field || !words[id] || field.value === words[id]) continue;
      Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set.call(field, words[id]);
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }
  };
})();
