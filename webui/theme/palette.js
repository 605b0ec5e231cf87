// Ctrl/Cmd+K: every action of the page by its name; Ctrl+Up and Ctrl+Down change how much words count.
(() => {
  "use strict";
  const { el } = reverie;
  const PLACES = [
    ["#dream, #stop, #dice, #grow", "Do"], [".rooms button", "Room"], ['#tasks [role="tab"]', "Tab"],
    ["#panel button.label-wrap", "Section"], [".shelf button", "Library"], ["#results .chosen button", "Selected"],
    ["#results article.row:first-of-type .tile:first-of-type .tile-actions button", "Newest picture"],
  ];
  const english = new Intl.DisplayNames(["en"], { type: "language" });
  const words = (node) => (node.getAttribute("aria-label") ?? node.title ?? "").trim() || node.textContent.replace(/[▼×]/g, "").trim();
  const usable = (node) => !node.disabled && !node.closest("[hidden], .hidden, .hide") && node.getClientRects().length > 0;

  // The folded sections around a part, the outermost first.
  function folded(part) {
    const found = [];
    for (let at = part.parentElement; at && at.id !== "panel"; at = at.parentElement) {
      const head = at.querySelector(":scope > button.label-wrap");
      if (head && head !== part && !head.classList.contains("open")) found.unshift(head);
    }
    return found;
  }
  const open = (part) => folded(part).forEach((head) => head.click());

  // In sight, or in a section that only needs to be unfolded.
  function reachable(part) {
    const [outer] = folded(part);
    return outer ? usable(outer) : usable(part);
  }

  // Unfolds what a field stands in, and puts the caret there once it is on the page.
  function go(id, sections) {
    for (const section of sections) document.querySelector(`#${section} > button.label-wrap:not(.open)`)?.click();
    const until = Date.now() + 3000;
    (function look() {
      if (sections.length > 1) document.querySelector(`#${sections.at(-1)} > button.label-wrap:not(.open)`)?.click();
      const field = document.querySelector(`#${id} :is(textarea, input[type="number"], input, select)`);
      if (field) { field.scrollIntoView({ block: "center" }); field.focus(); field.select?.(); }
      else if (Date.now() < until) requestAnimationFrame(look);
    })();
  }

  function actions() {
    const found = [], taken = new Set();
    const add = (kind, label, act, also = "") => {
      const key = `${kind} ${label}`;
      if (!label || taken.has(key)) return;
      taken.add(key);
      found.push({ kind, label, act, text: `${key} ${also}`.toLowerCase() });
    };
    for (const [selector, kind] of PLACES) {
      for (const node of document.querySelectorAll(selector)) {
        const button = node.matches("button") ? node : node.querySelector("button");
        if (button && !button.disabled && (kind === "Section" ? reachable(button) : usable(button))) {
          add(kind, node.id === "dice" ? "Random prompt" : words(button), () => { open(button); button.click(); button.scrollIntoView({ block: "nearest" }); });
        }
      }
    }
    for (const { label, id, sections } of reverie.fields ?? []) {
      const outer = document.getElementById(sections[0] ?? id);
      if (outer && usable(outer)) add("Go to", label, () => go(id, sections));
    }
    for (const field of document.querySelectorAll(".shelf input, .shelf select")) {
      if (usable(field)) add("Library", words(field), () => field.focus());
    }
    for (const choice of document.querySelectorAll("#settings-room option")) {
      add("Language", choice.textContent, () => reverie.language.choose(choice.value), choice.value ? english.of(choice.value) : "");
    }
    for (const look of document.querySelectorAll("#settings-room input[name=look]")) {
      add("Look", words(look.parentElement), () => reverie.look.choose(look.value));
    }
    return found;
  }

  function show() {
    const all = actions();
    let listed = [], at = 0;
    const list = el("ul", { role: "listbox", id: "palette-list", "aria-label": "Actions" });
    const input = el("input", { type: "text", role: "combobox", "aria-expanded": "true", "aria-controls": "palette-list", "aria-label": "What do you want to do?", placeholder: "What do you want to do?", autocomplete: "off", spellcheck: "false" });
    const close = () => dialog.close();
    const run = (one) => { close(); setTimeout(one.act, 0); };

    function mark(to) {
      at = Math.max(0, Math.min(to, listed.length - 1));
      [...list.children].forEach((item, index) => item.setAttribute("aria-selected", String(index === at)));
      list.children[at]?.scrollIntoView({ block: "nearest" });
      input.setAttribute("aria-activedescendant", list.children[at]?.id ?? "");
    }

    function filter() {
      const whole = input.value.toLowerCase().trim(), wanted = whole.split(/\s+/);
      listed = all.filter(({ text }) => wanted.every((word) => text.includes(word)))
        .sort((one, other) => other.text.includes(whole) - one.text.includes(whole)); // as it is typed, word for word, first
      list.replaceChildren(...listed.map((one, index) => el("li", { id: `palette-${index}`, role: "option", onclick: () => run(one) },
        el("span", {}, one.label), el("small", {}, one.kind))));
      if (!listed.length) list.append(el("li.none", {}, "Nothing is called that."));
      mark(0);
    }

    const dialog = el("dialog.palette", { "aria-label": "Actions", onclose: () => dialog.remove(),
      onclick: (event) => { if (event.target === dialog) close(); },
      onkeydown: (event) => {
        const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[event.key];
        if (step) { event.preventDefault(); mark(at + step); }
        else if (event.key === "Enter" && listed[at]) { event.preventDefault(); event.stopPropagation(); run(listed[at]); }
      } }, input, list);
    input.addEventListener("input", filter);
    document.body.append(dialog);
    filter();
    dialog.showModal();
    input.focus();
  }

  // What is selected, or the word at the caret, by a tenth more or less: (word:1.1), and plain again at 1.
  function weigh(field, by) {
    let { selectionStart: start, selectionEnd: end, value } = field;
    if (start === end) {
      while (start > 0 && /[^\s,()|[\]{}:]/.test(value[start - 1])) start -= 1;
      while (end < value.length && /[^\s,()|[\]{}:]/.test(value[end])) end += 1;
    }
    if (start === end) return false;
    let inside = value.slice(start, end), weight = 1;
    const whole = /^\((.*):(\d*\.?\d+)\)$/s.exec(inside);
    const around = value[start - 1] === "(" && /^:(\d*\.?\d+)\)/.exec(value.slice(end));
    if (whole) [, inside, weight] = whole;
    else if (around) { weight = around[1]; start -= 1; end += around[0].length; }
    const next = Math.round((Number(weight) + by) * 100) / 100;
    if (next < 0 || next > 3) return true;
    const text = next === 1 ? inside : `(${inside}:${next})`;
    field.setRangeText(text, start, end, "preserve");
    const from = next === 1 ? start : start + 1;
    field.setSelectionRange(from, from + inside.length);
    field.dispatchEvent(new Event("input", { bubbles: true }));
    return true;
  }

  document.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
    if (event.key.toLowerCase() === "k" && !document.querySelector("dialog[open]")) {
      event.preventDefault();
      show();
    } else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      const field = event.target.closest?.("#prompt textarea, #negative-prompt textarea");
      if (field && weigh(field, event.key === "ArrowUp" ? 0.1 : -0.1)) event.preventDefault();
    }
  });
  reverie.palette = show;
})();
