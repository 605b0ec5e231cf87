// The easel by keyboard alone: arrows move the brush, Space and Enter paint. The keys work while the easel has the focus, so
// that letters typed into the prompt stay letters.
//
// Arrows move the brush, and the picture follows where it would leave the frame; with the hand they move the picture.
reverie.easelKeys = (frame, view, brush, deeds) => {
  "use strict";
  const STEP = 4, FAR = 32, ZOOM = 1.5; // pixels on the screen: the closer one looks, the finer the step
  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const ONCE = { b: () => deeds.take("brush"), e: () => deeds.take("eraser"), h: () => deeds.take("hand"), i: deeds.invert,
    "[": () => deeds.resize(1 / 1.25), "]": () => deeds.resize(1.25), "+": () => view.by(ZOOM), "=": () => view.by(ZOOM), "-": () => view.by(1 / ZOOM), _: () => view.by(1 / ZOOM),
    0: view.fit };
  let painting = "";

  function move([right, down], far) {
    if (deeds.tool() === "hand") return view.pan(-right * far * 2, -down * far * 2);
    brush.aim(right * far, down * far);
    const at = brush.aimed();
    if (painting) brush.to(at.x, at.y);
    view.reveal(at.x, at.y);
    brush.showAim();
  }
  function lift() {
    if (painting) brush.end();
    painting = "";
    frame.classList.remove("space");
  }

  frame.addEventListener("keydown", (event) => {
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key, control = event.ctrlKey || event.metaKey;
    if (control && key === "z") (event.shiftKey ? deeds.redo : deeds.undo)();
    else if (control && key === "y") deeds.redo();
    else if (key === "[" || key === "]") ONCE[key](); // some keyboards have them with Ctrl and Alt
    else if (control || event.altKey) return;
    else if (ARROWS[key]) move(ARROWS[key], event.shiftKey ? FAR : STEP);
    else if (key === " " && !brush.byKeys()) frame.classList.add("space"); // with the mouse it is the hand
    else if (key === " " || key === "Enter") {
      if (!event.repeat && !painting && deeds.tool() !== "hand") {
        const at = brush.aimed();
        painting = key;
        brush.begin(at.x, at.y, event.shiftKey);
        brush.showAim();
      }
    } else if (ONCE[key]) ONCE[key]();
    else return;
    event.preventDefault();
  });
  frame.addEventListener("keyup", (event) => { if (event.key === painting || event.key === " ") lift(); });
  frame.addEventListener("blur", () => { lift(); if (brush.byKeys()) brush.hide(); });
  frame.addEventListener("focus", () => { if (frame.matches(":focus-visible") && !frame.matches(":active")) brush.showAim(); });
};
