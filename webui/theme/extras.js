// LoRA rows: one more than are in use is shown, and of a row without a LoRA only its menu.
reverie.loraRows = (chosen) => {
  const last = chosen.findLastIndex(Boolean);
  document.querySelectorAll("#loras .lora-row").forEach((row, number) => {
    row.classList.toggle("used", Boolean(chosen[number]));
    row.classList.toggle("open", number <= last + 1);
  });
  return chosen;
};

// Words that call on a LoRA: a click puts one at the prompt's end, once.
document.addEventListener("click", (event) => {
  const button = event.target.closest?.(".triggers .trigger");
  const prompt = document.querySelector("#prompt textarea");
  if (!button || !prompt) return;
  const word = button.dataset.word;
  const said = prompt.value.split(",").map((part) => part.trim().toLowerCase());
  if (!said.includes(word.toLowerCase())) {
    prompt.value = prompt.value.trim() ? `${prompt.value.replace(/[\s,]+$/, "")}, ${word}` : word;
    prompt.dispatchEvent(new Event("input", { bubbles: true }));
  }
});
