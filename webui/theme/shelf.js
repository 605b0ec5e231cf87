// The line above the feed: look for pictures by words, model, style, star and day.
reverie.shelf = (bar, deeds, search) => {
  "use strict";
  const { el, icon, iconButton } = reverie;
  const PAUSE = 150; // milliseconds without a key before a search begins
  const DAYS = [["", "Any time"], ["0", "Today"], ["7", "Last 7 days"], ["30", "Last 30 days"], ["365", "Last 12 months"], ["own", "From … to …"]];
  let timer = null, said = "";

  const words = el("input", { type: "search", placeholder: "Search your pictures", title: "Words of the prompt, or a seed; -word leaves out", "aria-label": "Search your pictures", maxlength: "200", autocomplete: "off",
    oninput: () => { clearTimeout(timer); timer = setTimeout(ask, PAUSE); } });
  const star = iconButton("star", "Only pictures with a star", () => { press(star, star.getAttribute("aria-pressed") !== "true"); ask(); }, ".star");
  const menu = (label) => el("select", { "aria-label": label, hidden: true, onchange: () => ask() });
  const model = menu("Model"), style = menu("Style"), when = menu("When");
  when.hidden = false;
  when.append(...DAYS.map(([value, label]) => el("option", { value }, label)));
  const from = el("input", { type: "date", "aria-label": "From", onchange: () => ask() }), to = el("input", { type: "date", "aria-label": "To", onchange: () => ask() });
  const own = el("span.own-days", { hidden: true }, from, "–", to);
  const clear = el("button.link", { type: "button", hidden: true, onclick: reset }, "Clear");
  const trash = iconButton("trash", "Trash", () => reverie.trash(deeds));
  bar.replaceChildren(el("label.search", {}, icon("search"), words), model, style, when, own, star, clear, trash);
  press(star, false);

  function press(button, on) { button.setAttribute("aria-pressed", String(on)); }

  function midnight(daysAgo) {
    const day = new Date();
    day.setHours(0, 0, 0, 0);
    day.setDate(day.getDate() - daysAgo);
    return day;
  }

  function days() {
    if (when.value === "own") {
      const start = from.value && new Date(`${from.value}T00:00`), end = to.value && new Date(`${to.value}T00:00`);
      if (end) end.setDate(end.getDate() + 1);
      return [start, end];
    }
    return [when.value && midnight(Math.max(0, Number(when.value) - 1)), ""];
  }

  function ask() {
    clearTimeout(timer);
    own.hidden = when.value !== "own";
    const query = new URLSearchParams(), [since, until] = days();
    if (words.value.trim()) query.set("words", words.value.trim());
    if (model.value) query.set("model", model.value);
    if (style.value) query.set("style", style.value === "none" ? "" : style.value);
    if (star.getAttribute("aria-pressed") === "true") query.set("starred", "1");
    for (const [name, moment] of [["since", since], ["until", until]]) {
      if (moment && moment.getFullYear() < 10000) query.set(name, moment.toISOString()); // somebody is still typing
    }
    clear.hidden = !query.size;
    if (String(query) === said) return;
    said = String(query);
    search(said);
  }

  function reset() {
    words.value = "";
    for (const each of [model, style, when]) each.value = "";
    press(star, false);
    ask();
  }

  // The menus offer what there are pictures of, and stay away while there is nothing to choose.
  async function refresh() {
    const told = await deeds.ask("/reverie/facets").catch(() => null);
    if (!told) return;
    const fill = (node, all, choices) => {
      const now = node.value;
      node.replaceChildren(el("option", { value: "" }, all), ...choices.map(([value, label]) => el("option", { value }, label)));
      node.value = choices.some(([value]) => value === now) ? now : "";
      node.hidden = choices.length < 2;
    };
    fill(model, "Any model", told.model.filter((one) => one.id).map((one) => [one.id, `${one.name} (${one.count})`]));
    fill(style, "Any style", told.style.map((one) => [one.id || "none", `${one.id ? one.name : "No style"} (${one.count})`]));
  }

  return { refresh, reset };
};
