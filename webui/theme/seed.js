// The chip beside Dream: a seed that is set is used for every picture, so it is in sight until it is freed.
reverie.seed = (element, props, watch, trigger) => {
  "use strict";
  const chip = element.querySelector(".seed-chip"), words = element.querySelector("span");

  function show() {
    const seed = String(props.value ?? "").trim();
    chip.hidden = ["", "auto", "-1"].includes(seed.toLowerCase());
    words.textContent = `Seed ${seed}`;
  }

  element.querySelector("button").addEventListener("click", () => {
    trigger("free", {});
    reverie.find("dream")?.focus();
  });
  watch("value", show);
  show();
};
