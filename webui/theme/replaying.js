// How a chain is made once more: on which model, at which size, with which first words.
reverie.replaying = async (picture, deeds, close) => {
  "use strict";
  const { el, icon, iconButton, notice } = reverie;
  const address = `/reverie/replay/${encodeURIComponent(picture.id)}`;
  const told = await deeds.ask(address, undefined, picture.id);
  if (!told) return;
  if (!told.count) return notice(told.why_not);
  const { least, most, step } = told.sides;
  const stepped = (side) => Math.round(side / step) * step;
  const times = (by) => [stepped(told.width * by), stepped(told.height * by)];

  const model = el("select", { name: "model" }, el("option", { value: "" }, "The same"),
    ...told.models.map(({ id, name }) => el("option", { value: id, translate: "no" }, name)));
  const native = () => told.models.find(({ id }) => id === model.value)?.native ?? told.native;
  const sayAgain = []; // what the sizes say depends on the model
  const size = (value, label, [width, height], checked) => {
    const tooLarge = Math.max(width, height) > most, small = el("small");
    sayAgain.push(() => { small.textContent = tooLarge ? `${width} × ${height}: too large` : reverie.sizeWords(width, height, native()); });
    return el("label.choice", {}, el("input", { type: "radio", name: "size", value, checked, disabled: tooLarge }),
      el("span", {}, label, small));
  };
  const side = (name, label, value) => el("input", { type: "number", name, "aria-label": label, min: least, max: most, step, value });
  const own = el("input", { type: "radio", name: "size", value: "own" });
  const width = side("width", "Width", told.width), height = side("height", "Height", told.height);
  const prompt = el("textarea", { name: "prompt", rows: 3, translate: "no" });
  prompt.value = told.prompt;
  const trouble = el("p.replay-trouble", { role: "alert" });
  const start = el("button.chip.primary", { type: "submit" }, icon("play"), "Replay");

  function wish() {
    const chosen = new FormData(form).get("size");
    const [w, h] = { "": [], 1.5: times(1.5), 2: times(2), own: [width.value || 0, height.value || 0] }[chosen];
    return { model: model.value, size: w === undefined ? "" : `${w}x${h}`, prompt: prompt.value === told.prompt ? null : prompt.value };
  }

  // The studio says at once what cannot be made again like this; an older answer never takes a newer one's place.
  let asked = 0;
  async function check() {
    const mine = ++asked;
    const query = Object.entries(wish()).filter(([, value]) => value !== null).map(([name, value]) => [name, value.slice(0, 1000)]);
    const answer = await deeds.ask(`${address}?${new URLSearchParams(query)}`, undefined, picture.id);
    if (mine !== asked || !answer) return;
    trouble.textContent = answer.why_not;
    start.disabled = Boolean(answer.why_not);
  }

  const form = el("form", { novalidate: true, onchange: check, onsubmit: async (event) => {
    event.preventDefault();
    await check(); // what cannot be stays open, with what was typed
    if (start.disabled) return;
    deeds.replay(picture, wish());
    dialog.close();
    close();
  } },
    el("h2", {}, "Replay this chain"),
    el("p.hint", {}, `${told.count} pictures are made again, one after another: the same seeds, words, masks and strengths.`),
    el("label.line", {}, "Model", model),
    el("fieldset", {}, el("legend", {}, "Size of the first picture"),
      size("", "The same", [told.width, told.height], true), size("1.5", "×1.5", times(1.5), false), size("2", "×2", times(2), false),
      el("div.choice", {}, el("label.choice", {}, own, el("span", {}, "Own")), width, " × ", height)),
    el("label.replay-prompt", {}, "Prompt of the first picture", prompt), trouble,
    el("div.dialog-foot", {}, el("button.chip", { type: "button", onclick: () => dialog.close() }, "Cancel"), start));
  model.addEventListener("change", () => sayAgain.forEach((tell) => tell()));
  sayAgain.forEach((tell) => tell());
  for (const field of [width, height]) field.addEventListener("input", () => { own.checked = true; });
  const dialog = el("dialog.small.replay", { "aria-label": "Replay this chain", onclose: () => dialog.remove(),
    onkeydown: (event) => event.stopPropagation(),
    onclick: (event) => { if (event.target === dialog) dialog.close(); } }, iconButton("close", "Close", () => dialog.close(), ".close"), form);
  document.body.append(dialog);
  dialog.showModal();
  check();
};

// The pictures that one came about from, the first one first, and this one; they can be gone through by Tab.
reverie.chain = (pictures, current, thumb, replay) => {
  "use strict";
  const { el, icon } = reverie;
  const shown = pictures.map((small) => {
    const node = thumb(small);
    if (small.id === current.id) { node.setAttribute("aria-current", "true"); node.disabled = true; }
    return el("li", {}, node);
  });
  return [pictures.length > 2 ? el("h4", {}, `The chain, ${pictures.length} pictures`) : "",
    el("ol.thumbs.chain", { "aria-label": "From the first picture to this one" }, ...shown),
    el("button.chip", { type: "button", title: "R", onclick: replay }, icon("play"), "Replay this chain…")];
};
