// How a picture came about, step by step, and a branch from any of them.
reverie.steps = async (place, image, picture, deeds, close, current) => {
  "use strict";
  const { el, icon } = reverie;
  const told = await deeds.ask(`/reverie/steps/${encodeURIComponent(picture.id)}`, undefined, picture.id);
  if (!told || !current() || told.steps < 2 || told.why_not) return;
  const last = told.steps, whole = deeds.pictureURL(picture.id);
  const range = el("input", { type: "range", min: "1", max: String(last), value: String(last), step: "1", "aria-label": "Step" });
  const where = el("output");
  const branch = el("button.chip", { type: "button", onclick: () => { deeds.branch(picture, Number(range.value)); close(); } },
    icon("branch"), "Branch from here");
  const note = el("p.steps-note");

  function show() {
    const step = Number(range.value), preview = told.previews[step];
    image.src = step < last && preview ? preview : whole;
    image.classList.toggle("step", step < last && Boolean(preview));
    where.textContent = step < last ? `Step ${step} of ${last}` : `${last} steps`;
    range.setAttribute("aria-valuetext", where.textContent);
    branch.disabled = step >= last;
    note.textContent = step >= last ? "Go back to a step, and on from there with other words."
      : preview ? "" : "How it looked here is not remembered any more; a branch still begins here.";
  }

  range.addEventListener("input", show);
  range.addEventListener("keydown", (event) => event.stopPropagation());
  place.append(el("div.steps-head", {}, el("h4", {}, "Steps"), where), range, el("div.viewer-actions", {}, branch), note);
  place.hidden = false;
  show();
};

// The form goes on from a step: the words are next.
reverie.branching = (task) => {
  "use strict";
  reverie.task(task);
  document.querySelector("#prompt textarea")?.focus();
};

// The chip beside Dream: from where the next pictures go on.
reverie.branchChip = (element, props, watch, trigger) => {
  "use strict";
  const chip = element.querySelector(".seed-chip"), words = element.querySelector("span");

  function show() {
    let stages = [];
    try { stages = JSON.parse(props.value || "{}").stages ?? []; } catch { stages = []; }
    chip.hidden = !stages.length;
    words.textContent = stages.length ? `Branch after step ${stages.at(-1).until}` : "";
  }

  element.querySelector("button").addEventListener("click", () => {
    trigger("free", {});
    reverie.find("dream")?.focus();
  });
  watch("value", show);
  show();
};
