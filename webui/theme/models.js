// The Models room: what there is, what is loaded, how each is run here and why; and what is fetched from the Hub.
reverie.models = (element) => {
  "use strict";
  const { el, icon, url, notice } = reverie;
  const BUSY = 1, QUIET = 10; // seconds between two looks
  const part = (name) => element.querySelector(`[data-part="${name}"]`);
  const open = new Set(); // models whose reasons are shown
  let timer = null, shown = "";

  async function ask(path = "", body = null) {
    clearTimeout(timer);
    let answer = null;
    try {
      const options = body === null ? { cache: "no-store" }
        : { method: "POST", headers: { "x-reverie": "1", "Content-Type": "application/json" }, body: JSON.stringify(body) };
      answer = await fetch(url(`/reverie/models${path}`), options);
      const told = await answer.json();
      if (answer.ok) show(told); else notice(told.notice);
    } catch {
      notice("The studio does not answer; try again in a moment.");
    }
    if (document.body.dataset.room === "models" && !document.hidden) {
      const busy = element.querySelector(".models-fetching i, .model .loading") || part("machine").textContent.endsWith("…");
      timer = setTimeout(ask, 1000 * (busy ? BUSY : QUIET));
    }
    return Boolean(answer?.ok);
  }

  function show(told) {
    if (JSON.stringify(told) === shown) return; // nothing jumps under anybody's finger
    shown = JSON.stringify(told);
    const machine = told.machine;
    part("machine").textContent = machine ? `${machine.name} · ${machine.free} of ${machine.total} free · loaded models take ${machine.used} of ${machine.budget}` : "The studio is still starting…";
    part("memory").hidden = !machine;
    if (machine) part("memory").firstElementChild.style.width = `${Math.round(100 * machine.share)}%`;
    part("get").hidden = !told.hub;
    part("place").textContent = told.place;
    part("fetching").replaceChildren(...told.fetching.map(download));
    part("models").replaceChildren(...told.models.map((model) => card(model, told.host)));
    part("refused-title").hidden = !told.refused.length;
    part("refused").replaceChildren(...told.refused.map((model) => card(model, false)));
  }

  function download(one) {
    const words = one.error ?? (one.stopping ? "Stopping…" : `${Math.round(100 * one.done)} %`);
    const stop = el("button.chip", { type: "button", onclick: () => ask("/stop", { id: one.id }) },
      icon(one.error ? "close" : "stop"), one.error ? "Put away" : "Stop");
    return el(`div.fetch${one.error ? ".failed" : ""}`, {}, el("b", {}, one.id), el("span", {}, words), stop,
      one.error ? null : el("i", { style: `width: ${Math.round(100 * one.done)}%` }));
  }

  function card(model, host) {
    const facts = [model.family, model.variant, model.size, model.kind === "hub" ? "from the Hub" : null].filter(Boolean);
    const head = el("header", {}, el("h4", { translate: "no" }, model.name), state(model), host && model.loaded && model.loaded.loading === null
      ? el("button.chip", { type: "button", disabled: model.loaded.lent > 0, title: model.loaded.lent ? "Its pictures are being painted" : "Give its memory back",
        onclick: () => ask("/unload", { id: model.id }) }, "Unload") : null);
    const node = el(`article.model${model.problem ? ".refused" : ""}`, { "data-model": model.id }, head,
      el("p.facts", {}, facts.join(" · "), model.hash ? el("code", { title: "The first ten digits of the file's SHA-256" }, model.hash) : null));
    if (model.problem) node.append(el("p.problem", {}, model.problem));
    if (model.tasks.length) {
      node.append(el("p.tasks", {}, ...model.tasks.map((task) => el("span", {}, task)),
        ...model.lacks.map((task) => el("s", { title: `This model cannot do ${task.toLowerCase()}` }, task))));
    }
    if (model.plan) node.append(plan(model));
    return node;
  }

  function state(model) {
    if (!model.loaded) return null;
    const { loading, memory, lent } = model.loaded;
    if (loading !== null) return el("span.state.loading", {}, `Loading, ${loading} %`);
    return el("span.state", {}, lent ? `Painting · ${memory}` : `In memory · ${memory}`);
  }

  function plan(model) {
    const { chosen, reasons } = model.plan;
    const rows = Object.entries(chosen).map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)));
    const box = el(`details.plan${model.plan.fits ? "" : ".tight"}`, { open: open.has(model.id), ontoggle: (event) => { open[event.target.open ? "add" : "delete"](model.id); } },
      el("summary", {}, `${chosen.Precision} · ${chosen.Offload} · ${chosen["Memory at most"].split(",")[0]} at most${model.plan.fits ? "" : ": may not fit"}`),
      el("dl", {}, ...rows), el("ul", {}, ...reasons.map((reason) => el("li", {}, reason))));
    return box;
  }

  part("refresh").addEventListener("click", () => ask("/refresh", {}));
  part("get").addEventListener("submit", async (event) => {
    event.preventDefault();
    const field = part("hub");
    if (field.value.trim() && await ask("/fetch", { id: field.value.trim() })) field.value = "";
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden && document.body.dataset.room === "models") ask(); });
  reverie.lookAtModels = () => ask();
  if (document.body.dataset.room === "models") ask(); // the page was opened here
};

// The model that was chosen before this one, whoever asks first: choosing and changing tell the same.
reverie.modelBefore = (() => {
  let now = "", before = "";
  return (model) => {
    if (model !== now) { before = now; now = model; }
    return before;
  };
})();
