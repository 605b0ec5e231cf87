// The easel's mask: what is painted, on a canvas at most LONG_SIDE pixels long whatever the picture's size, and how it was.
//
// Beside the canvas there is a plain copy of its alpha as of the last step. A step is undone by giving its rectangle of
// that alpha back, so a step costs a byte for each pixel of the rectangle it touched and not four for each of the canvas.
reverie.easelMask = (canvas) => {
  "use strict";
  const { el } = reverie;
  const LONG_SIDE = 1024, STRIPE = 12, MOST_BYTES = 8 * 2 ** 20;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const paint = context.createPattern(stripes(), "repeat");
  let alpha = new Uint8Array(1), covered = 0, dirty = null;
  let before = [], after = []; // steps to undo and to redo, the next one last

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

  const all = () => ({ x: 0, y: 0, width: canvas.width, height: canvas.height });
  function clipped({ left, top, right, bottom }) {
    const x = Math.max(0, Math.floor(left)), y = Math.max(0, Math.floor(top));
    const width = Math.min(canvas.width, Math.ceil(right)) - x, height = Math.min(canvas.height, Math.ceil(bottom)) - y;
    return width > 0 && height > 0 ? { x, y, width, height } : null;
  }

  // Takes what the canvas shows in a rectangle into the copy, and gives what was there.
  function exchange(area) {
    const { data } = context.getImageData(area.x, area.y, area.width, area.height);
    const was = new Uint8Array(area.width * area.height);
    for (let row = 0, at = 0; row < area.height; row++) {
      for (let here = (area.y + row) * canvas.width + area.x, end = here + area.width; here < end; here++, at++) {
        const now = data[4 * at + 3];
        was[at] = alpha[here];
        covered += (now > 127) - (alpha[here] > 127);
        alpha[here] = now;
      }
    }
    return { ...area, alpha: was };
  }

  function step(area) {
    before.push(exchange(area));
    after = [];
    for (let bytes = before.reduce((sum, one) => sum + one.alpha.length, 0); bytes > MOST_BYTES;) bytes -= before.shift().alpha.length;
  }

  function put(area, values) {
    const image = context.createImageData(area.width, area.height);
    for (let i = 0; i < values.length; i++) image.data[4 * i + 3] = values[i];
    context.putImageData(image, area.x, area.y);
    fill("source-atop", area);
  }

  function fill(operation, { x, y, width, height } = all()) {
    context.globalCompositeOperation = operation;
    context.fillStyle = paint;
    context.fillRect(x, y, width, height);
    context.globalCompositeOperation = "source-over";
  }

  function travel(from, to) {
    const one = from.pop();
    if (!one) return false;
    put(one, one.alpha);
    to.push(exchange(one));
    return true;
  }

  // A stroke goes from point to point, and is one step once it is ended.
  function stroke(from, to, diameter, erase) {
    context.globalCompositeOperation = erase ? "destination-out" : "source-over";
    context.strokeStyle = paint;
    context.lineWidth = diameter;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    context.moveTo(from.x, from.y);
    context.lineTo(to.x + 0.01, to.y);
    context.stroke();
    context.globalCompositeOperation = "source-over";
    const reach = diameter / 2 + 2;
    dirty = {
      left: Math.min(dirty?.left ?? Infinity, from.x - reach, to.x - reach), right: Math.max(dirty?.right ?? -Infinity, from.x + reach, to.x + reach),
      top: Math.min(dirty?.top ?? Infinity, from.y - reach, to.y - reach), bottom: Math.max(dirty?.bottom ?? -Infinity, from.y + reach, to.y + reach),
    };
  }
  function end() {
    const area = dirty && clipped(dirty);
    dirty = null;
    if (area) step(area);
    return Boolean(area);
  }
  function cancel() {
    const area = dirty && clipped(dirty);
    dirty = null;
    if (!area) return;
    const values = new Uint8Array(area.width * area.height);
    for (let row = 0; row < area.height; row++) {
      const start = (area.y + row) * canvas.width + area.x;
      values.set(alpha.subarray(start, start + area.width), row * area.width);
    }
    put(area, values);
  }

  // For a picture of that size; true where the shape is another, and what was painted is gone.
  function fit(naturalWidth, naturalHeight) {
    const scale = LONG_SIDE / Math.max(naturalWidth, naturalHeight);
    const width = Math.max(1, Math.round(naturalWidth * scale)), height = Math.max(1, Math.round(naturalHeight * scale));
    if (canvas.width === width && canvas.height === height) return false;
    empty(width, height);
    return true;
  }
  function empty(width = canvas.width, height = canvas.height) {
    canvas.width = width;
    canvas.height = height;
    alpha = new Uint8Array(width * height);
    [covered, before, after, dirty] = [0, [], [], null];
  }

  return {
    stroke, end, cancel, fit, empty,
    any: () => covered > 0,
    address: () => canvas.toDataURL("image/png"),
    addressLater: () => new Promise((done) => { // made beside the page, which goes on meanwhile
      canvas.toBlob((blob) => {
        const reader = new FileReader();
        reader.onload = () => done(reader.result);
        reader.readAsDataURL(blob);
      }, "image/png");
    }),
    undo: () => travel(before, after), redo: () => travel(after, before),
    undoable: () => before.length > 0, redoable: () => after.length > 0,
    historyBytes: () => [...before, ...after].reduce((sum, one) => sum + one.alpha.length, 0),
    clear() { context.clearRect(0, 0, canvas.width, canvas.height); step(all()); },
    invert() { fill("source-out"); step(all()); },
    lay(image) {
      context.clearRect(0, 0, canvas.width, canvas.height);
      context.drawImage(image, 0, 0, canvas.width, canvas.height);
      fill("source-in");
      step(all());
    },
  };
};
