// What part of the picture the easel shows: the sheet (picture and mask) is moved and scaled within its frame.
//
// Places are always asked of the sheet as the browser lays it out, so the brush is exact at every zoom; and they are counted
// from the left on every page, also on one that is read from the right.
reverie.easelView = (frame, sheet, changed) => {
  "use strict";
  const MOST = 16, MARGIN = 24;
  let zoom = 1, x = 0, y = 0;

  // The sheet always covers the place it has when it fits: it is never lost out of sight, and what is under the pointer
  // stays there.
  const held = (shift, length) => Math.min(0, Math.max(length - length * zoom, shift));

  function show() {
    if (!sheet.offsetWidth) return;
    x = held(x, sheet.offsetWidth);
    y = held(y, sheet.offsetHeight);
    sheet.style.transform = zoom === 1 ? "" : `translate(${x}px, ${y}px) scale(${zoom})`;
    changed(zoom);
  }

  // To a zoom, with what is at a place of the window staying there; without one it is the frame's middle.
  function zoomTo(wanted, clientX, clientY) {
    const box = frame.getBoundingClientRect(), next = Math.min(MOST, Math.max(1, wanted));
    const left = (clientX ?? box.left + box.width / 2) - box.left - sheet.offsetLeft;
    const top = (clientY ?? box.top + box.height / 2) - box.top - sheet.offsetTop;
    x = left - ((left - x) / zoom) * next;
    y = top - ((top - y) / zoom) * next;
    zoom = next;
    show();
  }
  function pan(right, down) {
    x += right;
    y += down;
    show();
  }

  // Moves the sheet as little as will bring a place of the window into the frame.
  function reveal(clientX, clientY) {
    const box = frame.getBoundingClientRect();
    const short = (at, from, to) => (at < from + MARGIN ? from + MARGIN - at : at > to - MARGIN ? to - MARGIN - at : 0);
    if (zoom > 1) pan(short(clientX, box.left, box.right), short(clientY, box.top, box.bottom));
  }

  frame.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return; // without them the page scrolls; a trackpad's pinch comes with Ctrl
    event.preventDefault();
    const turned = Math.min(24, Math.max(-24, event.deltaY * (event.deltaMode ? 16 : 1)));
    zoomTo(zoom * Math.exp(-turned / 100), event.clientX, event.clientY);
  }, { passive: false });
  new ResizeObserver(show).observe(frame);

  return { zoomTo, pan, reveal, by: (factor, ...at) => zoomTo(zoom * factor, ...at), fit: () => zoomTo(1), show };
};
