// Which room is shown: the studio, the library, which is its feed alone, the models, or the settings.
reverie.room = (name) => {
  "use strict";
  const { room = "studio" } = document.body.dataset;
  if (room === name) return;
  document.body.dataset.room = name;
  for (const button of document.querySelectorAll(".rooms button")) button.setAttribute("aria-current", button.dataset.to === name ? "page" : "false");
  if (name === "models") reverie.lookAtModels?.();
  if (name === "library") for (const whole of [document.getElementById("stage"), document.scrollingElement]) whole.scrollTop = 0;
};
document.addEventListener("click", (event) => {
  const to = event.target.closest?.(".rooms button")?.dataset.to;
  if (to) reverie.room(to);
});
