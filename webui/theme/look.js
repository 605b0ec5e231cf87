// Dark, light, or as the system has it: remembered by this browser, and there before the first paint.
reverie.look = (() => {
  "use strict";
  const STORED = "reverie-look", LOOKS = ["dark", "light", "system"];
  const WORDS = { dark: "dark", light: "light", system: "as the system has it" };
  const system = window.matchMedia("(prefers-color-scheme: light)");
  const chosen = () => { const look = localStorage.getItem(STORED); return LOOKS.includes(look) ? look : "dark"; };

  function apply() {
    const look = chosen(), shown = look === "system" ? (system.matches ? "light" : "dark") : look;
    document.documentElement.dataset.look = shown;
    document.documentElement.classList.toggle("dark", shown === "dark"); // Gradio's own mark
    const button = document.querySelector(".topbar .look");
    if (button) button.title = `Look: ${WORDS[look]}`;
    button?.setAttribute("aria-label", `Look: ${WORDS[look]}; change it`);
  }

  function choose(look) {
    localStorage.setItem(STORED, look);
    apply();
    document.dispatchEvent(new Event("reverie:look"));
    reverie.say(`The look is ${WORDS[chosen()]} now.`);
  }

  const next = () => choose(LOOKS[(LOOKS.indexOf(chosen()) + 1) % LOOKS.length]);

  system.addEventListener("change", apply);
  window.addEventListener("storage", (event) => { if (event.key === STORED) apply(); });
  apply();
  return { apply, chosen, choose, next };
})();
