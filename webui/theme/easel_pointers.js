// Mouse, pen and fingers on the easel: one paints; two fingers, the middle button, the hand or Space and a drag move the
// picture, and two fingers zoom it, too.
reverie.easelPointers = (frame, view, brush) => {
  "use strict";
  const fingers = new Map();
  let doing = "", last = null; // "paint", "pan" or "pinch", and where the pointer was

  const middle = () => {
    const [one, other] = [...fingers.values()];
    return { x: (one.x + other.x) / 2, y: (one.y + other.y) / 2, apart: Math.max(1, Math.hypot(one.x - other.x, one.y - other.y)) };
  };

  frame.addEventListener("mousedown", (event) => { if (event.button === 1) event.preventDefault(); }); // it would scroll
  frame.addEventListener("pointerdown", (event) => {
    if (event.button > 1) return;
    event.preventDefault();
    frame.focus({ preventScroll: true });
    try { frame.setPointerCapture(event.pointerId); } catch { /* a pen lifted already */ }
    if (event.pointerType === "touch") fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (fingers.size === 2) {
      if (doing === "paint") brush.cancel(); // the first finger was no brush
      doing = "pinch";
      last = middle();
    } else if (!doing) {
      doing = event.button === 1 || brush.byHand() ? "pan" : "paint";
      last = { x: event.clientX, y: event.clientY };
      if (doing === "paint") { brush.begin(event.clientX, event.clientY, event.shiftKey); brush.show(event.clientX, event.clientY); }
    }
    frame.classList.toggle("panning", doing === "pan");
  });

  frame.addEventListener("pointermove", (event) => {
    if (fingers.has(event.pointerId)) fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (doing === "pinch") {
      if (fingers.size < 2) return;
      const now = middle();
      view.pan(now.x - last.x, now.y - last.y);
      view.by(now.apart / last.apart, now.x, now.y);
      last = now;
    } else if (doing === "pan") {
      view.pan(event.clientX - last.x, event.clientY - last.y);
      last = { x: event.clientX, y: event.clientY };
    } else if (doing === "paint") {
      for (const moved of event.getCoalescedEvents?.() ?? [event]) brush.to(moved.clientX, moved.clientY);
    }
    if (doing !== "pinch") brush.show(event.clientX, event.clientY);
  });

  function lift(event) {
    fingers.delete(event.pointerId);
    if (doing === "paint") brush.end();
    if (doing === "pinch" && fingers.size) return; // the finger that stays does not paint
    doing = "";
    frame.classList.remove("panning");
    if (event.pointerType === "touch") brush.hide();
  }
  frame.addEventListener("pointerup", lift);
  frame.addEventListener("pointercancel", lift);
  frame.addEventListener("pointerleave", () => { if (!doing) brush.hide(); });
};
