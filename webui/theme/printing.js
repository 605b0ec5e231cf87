// The print desk: on what, how large, how fine; what that means, and how large it will look.
reverie.printing = async (picture, deeds) => {
  "use strict";
  const { el, icon, iconButton, url, notice } = reverie;
  const told = await deeds.ask("/reverie/print-products");
  if (!told) return;
  const OWN = "own", CARD_MM = 85.6, STORED = "reverie-card-width"; // a bank card's width, ISO/IEC 7810 ID-1
  const close = () => dialog.close();
  const cm = (mm) => String(Math.round(mm * 10) / 100);

  const product = el("select", { name: "product" }, ...told.products.map((one) => el("option", { value: one.id }, one.label)),
    el("option", { value: OWN }, "Own size…"));
  const size = el("input", { name: "size", value: "30 x 40 cm", autocomplete: "off", spellcheck: "false", maxlength: "40" });
  const dpi = el("input", { name: "dpi", type: "number", min: "50", max: "1200", step: "1", value: "300" });
  const bleed = el("input", { name: "bleed", type: "number", min: "0", max: "50", step: "0.5", value: "0" });
  const turned = el("input", { type: "checkbox", name: "turned" });
  const whole = el("input", { type: "checkbox", name: "whole" });
  const upscaler = el("select", { name: "upscaler" }, ...told.upscalers.map((name) => el("option", { value: name }, name)));
  const kind = el("select", { name: "format" }, ...[["pdf", "PDF, with trim and bleed"], ["png", "PNG"], ["jpeg", "JPEG"], ["tiff", "TIFF"]]
    .map(([value, label]) => el("option", { value }, label)));
  const facts = el("p.print-facts", { role: "status" });
  const sheet = el("div.print-sheet", {}, el("img", { src: deeds.pictureURL(picture.id), alt: "" }), el("i"));
  const desk = el("div.print-desk", {}, sheet);
  const real = el("input", { type: "checkbox" });
  const card = el("input", { type: "range", min: "200", max: "700", step: "1", "aria-label": "Width of a bank card on this screen" });
  const ruler = el("div.print-ruler", { hidden: true }, el("p", {}, "Hold a bank card to the bar, and move the slider until both are equally wide."),
    el("div.print-card"), card);
  const save = el("button.chip.primary", { type: "submit" }, icon("print"), "Save the file");
  let plan = null, asked = 0;

  const asking = () => ({ size: size.value, dpi: dpi.value, bleed: bleed.value, turned: turned.checked ? "1" : "",
    whole: whole.checked ? "1" : "", upscaler: upscaler.value });

  function draw() {
    if (!plan || plan.problem) return;
    const across = plan.width_mm + 2 * plan.bleed_mm, down = plan.height_mm + 2 * plan.bleed_mm;
    const perMM = real.checked ? Number(card.value) / CARD_MM : Math.min(320 / across, 300 / down);
    sheet.style.width = `${across * perMM}px`;
    sheet.style.height = `${down * perMM}px`;
    sheet.style.setProperty("--bleed", `${plan.bleed_mm * perMM}px`);
    sheet.classList.toggle("whole", whole.checked);
    ruler.querySelector(".print-card").style.width = `${card.value}px`;
    ruler.hidden = !real.checked;
    desk.classList.toggle("real", real.checked);
  }

  async function update() {
    const turn = asked += 1;
    const answer = await deeds.ask(`/reverie/print/${encodeURIComponent(picture.id)}/plan?${new URLSearchParams(asking())}`, undefined, picture.id);
    if (!answer || turn !== asked) return;
    plan = answer;
    save.disabled = Boolean(plan.problem);
    facts.classList.toggle("problem", Boolean(plan.problem));
    facts.replaceChildren(plan.problem ?? "", ...(plan.problem ? [] : [
      el("strong", {}, `${plan.pixels[0]} × ${plan.pixels[1]} pixels`),
      " ", el("span", {}, `for ${cm(plan.width_mm)} × ${cm(plan.height_mm)} cm${plan.bleed_mm ? ` and ${plan.bleed_mm} mm of bleed` : ""}.`),
      " ", el("span", {}, plan.sentence)]));
    draw();
  }

  function choose() {
    const one = told.products.find(({ id }) => id === product.value);
    if (one) {
      size.value = `${cm(one.width_mm)} x ${cm(one.height_mm)} cm`;
      [dpi.value, bleed.value] = [String(one.dpi), String(one.bleed_mm)];
      turned.checked = one.width_mm !== one.height_mm && (one.width_mm < one.height_mm) !== (picture.width <= picture.height);
    }
    update();
  }

  async function print(event) {
    event.preventDefault();
    save.disabled = true;
    save.replaceChildren(icon("print"), "Making it…");
    const body = JSON.stringify({ ...asking(), turned: turned.checked, whole: whole.checked, format: kind.value });
    let answer = null;
    try {
      answer = await fetch(url(`/reverie/print/${encodeURIComponent(picture.id)}`), { method: "POST", body,
        headers: { "content-type": "application/json", "x-reverie": "1" } });
    } catch { answer = null; }
    save.disabled = false;
    save.replaceChildren(icon("print"), "Save the file");
    if (!answer?.ok) return notice(answer ? (await answer.text()).slice(0, 300) : "The studio does not answer; try again in a moment.");
    const name = decodeURIComponent((answer.headers.get("content-disposition") ?? "").split("''")[1] ?? "print");
    const link = el("a", { href: URL.createObjectURL(await answer.blob()), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    close();
  }

  const form = el("form", { onsubmit: print },
    el("h2", {}, "Print desk"),
    el("div.print-columns", {},
      el("div", {},
        el("label.line", {}, "Print on", product), el("label.line", {}, "Size", size),
        el("label.line", {}, "Pixels an inch", dpi), el("label.line", {}, "Bleed, mm", bleed),
        el("label.line", {}, "On its side", turned), el("label.line", {}, "Show all of it, with white beside", whole),
        el("label.line", {}, "Upscaler", upscaler), el("label.line", {}, "Kind of file", kind), facts),
      el("div", {}, desk, el("label.line", {}, "True size", real), ruler)),
    el("div.dialog-foot", {}, el("button.chip", { type: "button", onclick: close }, "Cancel"), save));
  const dialog = el("dialog.small.print", { "aria-label": "Print desk", onclose: () => dialog.remove(),
    onclick: (event) => { if (event.target === dialog) close(); } }, iconButton("close", "Close", close, ".close"), form);

  card.value = localStorage.getItem(STORED) ?? String(Math.round(CARD_MM * 96 / 25.4));
  card.addEventListener("input", () => { localStorage.setItem(STORED, card.value); draw(); });
  real.addEventListener("change", draw);
  product.addEventListener("change", choose);
  for (const field of [size, dpi, bleed]) field.addEventListener("input", () => { if (field === size) product.value = OWN; update(); });
  for (const field of [turned, whole, upscaler]) field.addEventListener("change", update);
  document.body.append(dialog);
  dialog.showModal();
  choose();
};
