// The page in the visitor's language. Texts are looked up by their English words, as in A1111's localization files; what
// people wrote and what models are called is marked translate="no" and stays.
reverie.language = (() => {
  "use strict";
  const STORED = "reverie-language", ATTRIBUTES = ["aria-label", "title", "placeholder", "data-words"];
  const ALONE = '[translate="no"], textarea, script, style, code, kbd, svg, [role="listbox"], [contenteditable]';
  const OWN_ATTRIBUTES = '.row, .trashed, .thumb, [translate="no"], [translate="no"] *'; // named by somebody's prompt
  const LETTERS = /\p{L}{2}/u;
  const missing = new Set(); // English words that have no translation, for whoever writes one
  const shown = new WeakMap(); // text node or element -> what was put there, so that it is not looked up again
  let words = new Map(), patterns = [], code = "en";

  const known = () => JSON.parse(document.querySelector('meta[name="reverie-languages"]')?.content ?? "[]");
  const stored = () => localStorage.getItem(STORED) ?? "";
  const same = (one) => (wish) => one === wish.toLowerCase() || wish.toLowerCase().startsWith(`${one}-`);

  // The chosen one, or else the first that the browser asks for and the studio has.
  function wanted() {
    const codes = ["en", ...known()];
    if (codes.includes(stored())) return stored();
    for (const wish of navigator.languages ?? []) { const found = codes.find((one) => same(one)(wish)); if (found) return found; }
    return "en";
  }

  // "Step {0} of {1}" reads any two texts there and says them again where the translation has {0} and {1}. The longest
  // is asked first, since a shorter one may fit too, and say less; one of hardly a word, "{0} of {1}", reads numbers only.
  function pattern([english, translation]) {
    const any = english.replace(/\{\d\}/g, "").trim().length < 3 ? "(\\d+)" : "(.+?)";
    const escaped = english.replace(/[.*+?^$()|[\]\\]/g, "\\$&").replace(/\{\d\}/g, any);
    return { english: new RegExp(`^${escaped}$`, "su"), translation, order: [...english.matchAll(/\{(\d)\}/g)].map((found) => found[1]) };
  }

  function one(text) {
    const found = words.get(text);
    if (found !== undefined) return found;
    for (const { english, translation, order } of patterns) {
      const parts = english.exec(text);
      if (parts) return translation.replace(/\{(\d)\}/g, (_, place) => { const part = parts[1 + order.indexOf(place)]; return words.get(part) ?? part; });
    }
    return null;
  }

  function told(text) {
    const found = one(text);
    if (found === null && LETTERS.test(text)) missing.add(text);
    return found ?? text;
  }

  // Keeps the white space around the words; a line of facts, "Step 3 of 20 · about 4 s left", is told fact by fact.
  function say(text) {
    const trimmed = text.trim().replace(/\s+/g, " ");
    if (!LETTERS.test(trimmed)) return null;
    const lines = trimmed.split(" · ");
    const whole = words.get(trimmed) ?? (lines.length > 1 ? lines.map(told).join(" · ") : told(trimmed));
    return whole === trimmed ? null : text.replace(text.trim(), () => whole);
  }

  function tellText(node) {
    if (shown.get(node) === node.data || node.parentElement?.closest(ALONE)) return;
    const told = say(node.data);
    if (told === null) return;
    shown.set(node, told);
    node.data = told;
  }

  function tellAttributes(element) {
    if (element.matches(OWN_ATTRIBUTES)) return;
    const before = shown.get(element) ?? {};
    for (const name of ATTRIBUTES) {
      const text = element.getAttribute(name), told = text && before[name] !== text ? say(text) : null;
      if (told === null) continue;
      shown.set(element, Object.assign(before, { [name]: told }));
      element.setAttribute(name, told);
    }
  }

  function tell(root) {
    if (root.nodeType === Node.TEXT_NODE) return tellText(root);
    if (root.nodeType !== Node.ELEMENT_NODE) return;
    tellAttributes(root);
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) walker.currentNode.nodeType === Node.TEXT_NODE ? tellText(walker.currentNode) : tellAttributes(walker.currentNode);
  }

  function watch() {
    const observer = new MutationObserver((changes) => {
      for (const { type, target, addedNodes } of changes) {
        if (type === "childList") addedNodes.forEach(tell);
        else if (type === "characterData") tellText(target);
        else tellAttributes(target);
      }
    });
    observer.observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ATTRIBUTES });
    tell(document.body);
  }

  async function begin() {
    code = wanted();
    document.documentElement.lang = code;
    if (code === "en") return;
    const answer = await fetch(reverie.url(`/reverie/language/${code}`)).catch(() => null);
    if (!answer?.ok) { code = document.documentElement.lang = "en"; return; }
    const { "@direction": direction, "@name": _name, ...told } = await answer.json();
    const all = Object.entries(told);
    words = new Map(all.filter(([english]) => !/\{\d\}/.test(english)));
    patterns = all.filter(([english]) => /\{\d\}/.test(english)).sort(([one], [other]) => other.length - one.length).map(pattern);
    document.documentElement.dir = direction ?? "ltr";
    watch();
  }

  function choose(wish) {
    if (wish) localStorage.setItem(STORED, wish); else localStorage.removeItem(STORED);
    window.location.reload(); // the form is remembered
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin); else begin();
  return { choose, stored, missing, code: () => code, say: (text) => say(text) ?? text };
})();
