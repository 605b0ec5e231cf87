// The easel: brush over the part of the picture that should change.
//
// Its value is the mask, a PNG as a data URI, opaque = repaint; the server scales it to the picture.
reverie.easel = (element, props, watch) => {
  "use strict";
  const { el, icon, iconButton } = reverie;
  const SETTLED = 250, QUIET = 350; // milliseconds without a stroke after which its edge is shown soft, and after which the mask is handed over
  const part = (name) => element.querySelector(`[data-part="${name}"]`);
  const frame = part("frame"), sheet = part("sheet"), picture = part("picture"), canvas = part("mask"), ring = part("ring"), size = part("size");
  const mask = reverie.easelMask(canvas);
  const soft = reverie.easelSoft(part("blur"), sheet, props, watch);
  let tool = "brush", erasing = false, last = null, shownPicture = null, committed = "", loading = false, waiting = 0, settling = 0;
  let aim = { across: 0.5, down: 0.5 }, byKeys = false;

  // ---- handing over ---------------------------------------------------------------------------------------------

  function commit(value = mask.any() ? mask.address() : "") {
    clearTimeout(waiting);
    waiting = 0;
    committed = value;
    reverie.easelKept.keep(shownPicture, value);
    if (props.value !== value) props.value = value;
    tell();
  }
  function commitSoon() {
    clearTimeout(waiting);
    const mine = setTimeout(async () => {
      const value = mask.any() ? await mask.addressLater() : "";
      if (waiting === mine) commit(value); // else something was painted meanwhile, or it is handed over already
    }, QUIET);
    waiting = mine;
    tell();
  }
  // Whatever else is done on the page finds the mask as it is now.
  const flush = (event) => { if (waiting && !frame.contains(event.target)) commit(); };
  for (const kind of ["pointerdown", "keydown", "click"]) document.addEventListener(kind, flush, true);
  window.addEventListener("pagehide", () => { if (waiting) commit(); });

  function tell() {
    element.querySelector(".easel")?.classList.toggle("painted", mask.any());
    undoButton.setAttribute("aria-disabled", String(!mask.undoable()));
    redoButton.setAttribute("aria-disabled", String(!mask.redoable()));
  }

  // ---- the brush ------------------------------------------------------------------------------------------------

  const diameter = () => (Number(size.value) / 100) * Math.min(canvas.width, canvas.height);
  function place(clientX, clientY) {
    const box = canvas.getBoundingClientRect();
    return { x: ((clientX - box.left) / box.width) * canvas.width, y: ((clientY - box.top) / box.height) * canvas.height };
  }
  function ringAt(clientX, clientY) {
    const outer = frame.getBoundingClientRect(), box = canvas.getBoundingClientRect();
    const across = Math.max(3, (diameter() * box.width) / canvas.width);
    aim = { across: share(clientX, box.left, box.width), down: share(clientY, box.top, box.height) };
    ring.hidden = brush.byHand();
    ring.classList.toggle("by-keys", byKeys);
    ring.style.cssText = `width: ${across}px; height: ${across}px; left: ${clientX - outer.left}px; top: ${clientY - outer.top}px`;
  }
  // The soft edge is too much work for every frame where no graphics card does it, so it waits for a still moment.
  function move() {
    frame.classList.add("moving");
    clearTimeout(settling);
    settling = setTimeout(() => frame.classList.remove("moving"), SETTLED);
  }
  const share = (at, start, length) => Math.min(1, Math.max(0, (at - start) / length));

  const brush = {
    byHand: () => tool === "hand" || frame.classList.contains("space"),
    begin(clientX, clientY, straight) { // straight: from where the last stroke ended
      clearTimeout(waiting);
      waiting &&= -1;
      erasing = tool === "eraser";
      const at = place(clientX, clientY);
      mask.stroke(straight && last ? last : at, at, diameter(), erasing);
      last = at;
      move();
    },
    to(clientX, clientY) {
      const at = place(clientX, clientY);
      mask.stroke(last ?? at, at, diameter(), erasing);
      last = at;
      move();
    },
    end() { mask.end(); commitSoon(); },
    cancel() { mask.cancel(); last = null; commitSoon(); },
    show(clientX, clientY) { byKeys = false; ringAt(clientX, clientY); },
    hide() { byKeys = false; ring.hidden = true; },
    // Where the keyboard points: the place the pointer left, or the picture's middle.
    byKeys: () => byKeys,
    aimed() {
      const box = canvas.getBoundingClientRect();
      return { x: box.left + aim.across * box.width, y: box.top + aim.down * box.height };
    },
    aim(right, down) {
      const box = canvas.getBoundingClientRect(), at = brush.aimed();
      aim = { across: share(at.x + right, box.left, box.width), down: share(at.y + down, box.top, box.height) };
    },
    showAim() { byKeys = true; const at = brush.aimed(); ringAt(at.x, at.y); },
  };

  // ---- tools ----------------------------------------------------------------------------------------------------

  const change = (act) => () => { if (act() !== false) commitSoon(); };
  const deeds = {
    tool: () => tool,
    take(name) {
      tool = name;
      frame.dataset.tool = name;
      for (const button of part("tools").querySelectorAll("[aria-pressed]")) button.setAttribute("aria-pressed", String(button.dataset.tool === name));
      if (byKeys) brush.showAim();
    },
    resize(factor) {
      size.value = Number(size.value) * factor + (factor > 1 ? 0.25 : -0.25);
      if (!ring.hidden) { const at = brush.aimed(); ringAt(at.x, at.y); }
    },
    undo: change(mask.undo), redo: change(mask.redo), invert: change(mask.invert), clear: change(mask.clear),
  };
  const level = el("button.tool.zoom-level", { type: "button", title: "Fit the picture (0)", "aria-label": "Fit the picture (0)" }, icon("fit"), el("span", { "data-part": "zoom", translate: "no" }));
  const view = reverie.easelView(frame, sheet, (zoom) => {
    part("zoom").textContent = `${zoom.toFixed(zoom < 10 ? 1 : 0)}×`;
    frame.classList.toggle("zoomed", zoom > 1);
    move();
    soft();
    if (byKeys) brush.showAim();
  });

  const toolButton = (name, label) => {
    const button = iconButton(name, label, () => deeds.take(name));
    button.dataset.tool = name;
    button.setAttribute("aria-pressed", String(name === tool));
    return button;
  };
  const undoButton = iconButton("undo", "Undo (Ctrl+Z)", deeds.undo), redoButton = iconButton("redo", "Redo (Ctrl+Shift+Z)", deeds.redo);
  level.addEventListener("click", view.fit);
  part("tools").replaceChildren(
    el("div.tools", {}, toolButton("brush", "Brush (B)"), toolButton("eraser", "Eraser (E)"), toolButton("hand", "Hand: move the picture (H)")),
    el("div.tools", {}, undoButton, redoButton, iconButton("invert", "Invert mask (I)", deeds.invert), iconButton("trash", "Clear mask", deeds.clear)),
    el("div.tools", {}, iconButton("minus", "Zoom out (−)", () => view.by(1 / 1.5)), level, iconButton("plus", "Zoom in (+)", () => view.by(1.5))));
  // After a click with the mouse the keys belong to the picture again; who came by keyboard stays on the button.
  part("tools").addEventListener("click", (event) => { if (event.detail) frame.focus({ preventScroll: true }); });

  reverie.easelPointers(frame, view, brush);
  reverie.easelKeys(frame, view, brush, deeds);

  // ---- pictures and masks that come -----------------------------------------------------------------------------

  // A new picture of the same shape keeps the mask: one often goes on with the result of the last edit.
  function load() {
    const next = props.picture || "";
    if (next === shownPicture) return;
    const opened = !shownPicture; // nothing was here before: a mask that is kept may belong to this picture
    shownPicture = next;
    frame.hidden = !next;
    part("empty").hidden = Boolean(next);
    element.querySelector(".easel")?.classList.toggle("blank", !next);
    loading = Boolean(next);
    if (!next) { mask.empty(); if (!opened) commit(); return; }
    picture.onload = () => {
      loading = false;
      const { naturalWidth: width, naturalHeight: height } = picture;
      frame.style.setProperty("--shape", width / height);
      if (mask.fit(width, height)) { last = null; view.fit(); } else view.show();
      const found = given() || (opened && reverie.easelKept.kept(next));
      if (found) draw(found); else commit();
    };
    picture.src = reverie.url(next);
  }
  function draw(address) {
    const image = new Image();
    image.onload = () => { mask.lay(image); commit(); };
    image.src = address;
  }
  // A mask from elsewhere (an uploaded one) is laid on the easel, to be seen and worked on like a painted one; one that
  // comes with its picture is laid once that is here.
  const given = () => (props.value && props.value !== committed ? props.value : "");
  function lay() {
    if (given() && !loading && (props.picture || "") === shownPicture) draw(props.value);
  }
  watch("picture", load);
  watch("value", lay);
  load();
};
