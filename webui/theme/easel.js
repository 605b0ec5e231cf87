// The easel: brush over the part of the picture that should change.
//
// The mask is drawn on a canvas of its own, at most LONG_SIDE pixels long whatever the picture's size, so that large
// pictures stay quick; the server scales it to the picture. Its value is a PNG as a data URI, opaque = repaint.
reverie.easel = (element, props, watch) => {
  "use strict";
  const { el, iconButton } = reverie;
  const LONG_SIDE = 1024, UNDO_STEPS = 20, KEPT = "reverie-mask", STRIPE = 12;
  const part = (name) => element.querySelector(`[data-part="${name}"]`);
  const frame = part("frame"), picture = part("picture"), canvas = part("mask"), ring = part("ring"), empty = part("empty");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const paint = context.createPattern(stripes(), "repeat");
  const size = part("size");
  let tool = "brush", last = null, history = [], shownPicture = null, committed = "", loading = false;

  // Violet and white in turn can be told from any picture; to the server both are opaque, and so the same.
  function stripes() {
    const tile = el("canvas", { width: 4 * STRIPE, height: 4 * STRIPE }), pen = tile.getContext("2d");
    pen.fillStyle = "rgb(118, 72, 250)";
    pen.fillRect(0, 0, tile.width, tile.height);
    pen.strokeStyle = "rgb(255, 255, 255)";
    pen.lineWidth = STRIPE;
    for (const x of [-4, 0, 4]) { pen.moveTo((x - 1) * STRIPE, 5 * STRIPE); pen.lineTo((x + 5) * STRIPE, -STRIPE); }
    pen.stroke();
    return tile;
  }

  // The browser keeps the mask with the address of its picture, for when the page is opened again.
  function keep(mask) {
    try {
      if (mask) localStorage.setItem(KEPT, JSON.stringify({ picture: shownPicture, mask }));
      else localStorage.removeItem(KEPT);
    } catch { /* no room, or none allowed: then it lasts as long as the page */ }
  }
  function kept(address) {
    try {
      const found = JSON.parse(localStorage.getItem(KEPT) ?? "null");
      return found?.picture === address ? found.mask : "";
    } catch { return ""; }
  }

  const painted = () => {
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    for (let i = 3; i < data.length; i += 4) if (data[i] > 127) return true;
    return false;
  };
  const commit = () => {
    const value = painted() ? canvas.toDataURL("image/png") : "";
    committed = value;
    keep(value);
    if (props.value !== value) props.value = value;
    element.querySelector(".easel")?.classList.toggle("painted", Boolean(value));
  };
  const snapshot = () => {
    history.push(context.getImageData(0, 0, canvas.width, canvas.height));
    if (history.length > UNDO_STEPS) history.shift();
  };

  const diameter = () => (Number(size.value) / 100) * Math.min(canvas.width, canvas.height);
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return { x: ((event.clientX - box.left) / box.width) * canvas.width, y: ((event.clientY - box.top) / box.height) * canvas.height,
      left: event.clientX - box.left, top: event.clientY - box.top, scale: box.width / canvas.width };
  };
  const stroke = (from, to) => {
    context.globalCompositeOperation = tool === "eraser" ? "destination-out" : "source-over";
    context.strokeStyle = paint;
    context.lineWidth = diameter();
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    context.moveTo(from.x, from.y);
    context.lineTo(to.x + 0.01, to.y);
    context.stroke();
    context.globalCompositeOperation = "source-over";
  };
  const showRing = (event) => {
    const at = place(event), across = diameter() * at.scale;
    ring.hidden = false;
    Object.assign(ring.style, { width: `${across}px`, height: `${across}px`, left: `${at.left}px`, top: `${at.top}px` });
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    try { canvas.setPointerCapture(event.pointerId); } catch { /* a pen lifted already */ }
    snapshot();
    last = place(event);
    stroke(last, last);
  });
  canvas.addEventListener("pointermove", (event) => {
    showRing(event);
    if (!last) return;
    for (const moved of event.getCoalescedEvents?.() ?? [event]) { const next = place(moved); stroke(last, next); last = next; }
  });
  const lift = () => { if (last) { last = null; commit(); } };
  canvas.addEventListener("pointerup", lift);
  canvas.addEventListener("pointercancel", lift);
  canvas.addEventListener("pointerleave", () => { ring.hidden = true; });

  const undo = () => { const before = history.pop(); if (before) { context.putImageData(before, 0, 0); commit(); } };
  const clear = () => { snapshot(); context.clearRect(0, 0, canvas.width, canvas.height); commit(); };
  const invert = () => {
    snapshot();
    context.globalCompositeOperation = "source-out";
    context.fillStyle = paint;
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.globalCompositeOperation = "source-over";
    commit();
  };
  const take = (name) => {
    tool = name;
    for (const button of part("tools").querySelectorAll("[aria-pressed]")) button.setAttribute("aria-pressed", String(button.dataset.tool === name));
  };

  const toolButton = (name, label) => {
    const button = iconButton(name, label, () => take(name));
    button.dataset.tool = name;
    button.setAttribute("aria-pressed", String(name === tool));
    return button;
  };
  part("tools").replaceChildren(toolButton("brush", "Brush (B)"), toolButton("eraser", "Eraser (E)"), el("span.divider"),
    iconButton("undo", "Undo (Ctrl+Z)", undo), iconButton("invert", "Invert mask", invert), iconButton("trash", "Clear mask", clear));

  // Keys work while the easel has the focus, so that letters typed into the prompt stay letters.
  frame.addEventListener("keydown", (event) => {
    const key = event.key.toLowerCase();
    if ((event.ctrlKey || event.metaKey) && key === "z") undo();
    else if (key === "b") take("brush");
    else if (key === "e") take("eraser");
    else if (key === "[" || key === "]") size.value = Number(size.value) + (key === "]" ? 3 : -3);
    else return;
    event.preventDefault();
  });
  canvas.addEventListener("pointerdown", () => frame.focus({ preventScroll: true }));

  // A new picture of the same shape keeps the mask: one often goes on with the result of the last edit.
  function load() {
    const next = props.picture || "";
    if (next === shownPicture) return;
    const opened = !shownPicture; // nothing was here before: a mask that is kept may belong to this picture
    shownPicture = next;
    frame.hidden = !next;
    empty.hidden = Boolean(next);
    element.querySelector(".easel")?.classList.toggle("blank", !next);
    loading = Boolean(next);
    if (!next) { canvas.width = canvas.width; history = []; if (!opened) commit(); return; }
    picture.onload = () => {
      loading = false;
      const scale = LONG_SIDE / Math.max(picture.naturalWidth, picture.naturalHeight);
      const width = Math.max(1, Math.round(picture.naturalWidth * scale)), height = Math.max(1, Math.round(picture.naturalHeight * scale));
      frame.style.setProperty("--ratio", `${width} / ${height}`);
      frame.style.setProperty("--shape", width / height);
      if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; history = []; }
      const mask = given() || (opened && kept(next));
      if (mask) draw(mask); else commit();
    };
    picture.src = reverie.url(next);
  }
  function draw(address) {
    const mask = new Image();
    mask.onload = () => {
      snapshot();
      context.clearRect(0, 0, canvas.width, canvas.height);
      context.drawImage(mask, 0, 0, canvas.width, canvas.height);
      context.globalCompositeOperation = "source-in";
      context.fillStyle = paint;
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.globalCompositeOperation = "source-over";
      commit();
    };
    mask.src = address;
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
