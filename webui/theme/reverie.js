// The page's own small object: helpers that the other scripts share, the tabs' effect, and the keyboard.
window.reverie = (() => {
  "use strict";

  const ICONS = {
    image: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 9.5h.01",
    mask: "M4 20c3 0 4-1.500 4-3a2.500 2.500 0 0 0-5 0c0 2 0 2-1 3zM9.500 14.500 19 4l2 2-9.500 10z",
    prompt: "M4 6h16M4 11h16M4 16h9",
    seed: "M12 3v5M12 16v5M3 12h5M16 12h5M12 12h.01",
    all: "M4 12a8 8 0 0 1 14-5.300L20 9M20 4v5h-5M20 12a8 8 0 0 1-14 5.300L4 15M4 20v-5h5",
    download: "M12 4v11M7 11l5 5 5-5M5 20h14",
    stop: "M7 7h10v10H7z",
    pause: "M8 6v12M16 6v12",
    play: "M8 5l11 7-11 7z",
    skip: "M6 5l9 7-9 7zM18 5v14",
    close: "M6 6l12 12M18 6 6 18",
    left: "M15 5l-7 7 7 7",
    right: "M9 5l7 7-7 7",
    undo: "M9 14 4 9l5-5M4 9h10a6 6 0 0 1 0 12h-3",
    redo: "M15 14l5-5-5-5M20 9H10a6 6 0 0 0 0 12h3",
    hand: "M8 12V6a1.500 1.500 0 0 1 3 0v5M11 10V4.500a1.500 1.500 0 0 1 3 0V11M14 6a1.500 1.500 0 0 1 3 0v8c0 4-2 6-5 6-4 0-5-2-8-7 1-1.500 2.500-1 4 1",
    plus: "M12 5v14M5 12h14",
    minus: "M5 12h14",
    fit: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
    trash: "M5 7h14M9 7V4h6v3M7 7l1 13h8l1-13",
    invert: "M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18",
    brush: "M4 20c3 0 4-1.500 4-3a2.500 2.500 0 0 0-5 0c0 2 0 2-1 3zM9.500 14.500 19 4l2 2-9.500 10z",
    eraser: "M8 20h12M5.500 15.500 14 7l5 5-7.500 8H9z",
    upload: "M12 16V5M7 10l5-5 5 5M5 20h14",
    swap: "M4 8h14l-4-4M20 16H6l4 4",
    star: "M12 4l2.500 5.100 5.600.800-4 4 .900 5.600-5-2.700-5 2.700.900-5.600-4-4 5.600-.800z",
    vary: "M4 7h3.500c4 0 5 10 9 10H20M4 17h3.500c1.500 0 2.500-1.400 3.300-3M13.500 9.500c.800-1.500 1.700-2.500 3-2.500H20M17.500 4.500 20 7l-2.500 2.500M17.500 14.500 20 17l-2.500 2.500",
    compare: "M12 3v18M4 6h5v12H4zM15 6h5v12h-5",
    search: "M11 5a6 6 0 1 0 0 12 6 6 0 0 0 0-12M15.500 15.500 20 20",
    check: "M5 12.500l4.500 4.500L19 7.500",
    prove: "M12 3l7 3v5c0 5-3 8-7 10-4-2-7-5-7-10V6zM8.500 11.500l2.500 2.500 4.500-5",
    larger: "M4 10V4h6M20 14v6h-6M4 4l7 7M20 20l-7-7",
    branch: "M6 4v16M6 12c6 0 10-2 12-7M18 5h-4M18 5v4",
    print: "M7 8V3h10v5M5 8h14v8h-3M8 16H5V8M8 13h8v8H8z",
    more: "M6 12h.01M12 12h.01M18 12h.01",
  };

  const SVG = "http://www.w3.org/2000/svg";

  function icon(name) {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    svg.classList.add("glyph");
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", ICONS[name]);
    svg.append(path);
    return svg;
  }

  // el("button.primary", {title: "…"}, child, "text"): text always lands as text, never as HTML.
  function el(kind, attributes = {}, ...children) {
    const [tag, ...classes] = kind.split(".");
    const node = document.createElement(tag);
    if (classes.length) node.className = classes.join(" ");
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (value === true) node.setAttribute(name, "");
      else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
    }
    node.append(...children.filter((child) => child !== null && child !== undefined));
    return node;
  }

  const iconButton = (name, label, action, extra = "") =>
    el(`button.tool${extra}`, { type: "button", title: label, "aria-label": label, onclick: action }, icon(name));

  // Where this page is served from, also behind a proxy or inside another site.
  const url = (path) => (window.gradio_config?.root ?? window.location.origin) + path;

  function clock(seconds) {
    if (seconds === null || seconds === undefined) return "";
    const whole = Math.max(1, Math.round(seconds));
    return whole < 90 ? `${whole} s` : `${Math.round(whole / 60)} min`;
  }

  const find = (id) => document.getElementById(id);
  const press = (id) => (find(id)?.matches("button") ? find(id) : find(id)?.querySelector("button"))?.click();

  // The task decides what the panel shows; CSS reads it from the body.
  function task(name) {
    document.body.dataset.task = name;
    return name;
  }

  // The form is as it was left when the page was last open.
  function restored(name) {
    task(name);
    window.reverie.draft();
    document.body.classList.add("restored");
  }

  // A picture is never shown flatter or taller than three to one, so that its buttons have room.
  function tileShape({ width, height }) {
    const ratio = Math.min(3, Math.max(1 / 3, width / height));
    return ratio === width / height ? `--ratio: ${width} / ${height}` : `--ratio: ${ratio}; --fit: contain`;
  }

  // After a picture was sent to a task: the panel shows it from the top, the stage its easel. On a phone both are
  // one page, which can only go there once the picture has its place.
  function showTask(name) {
    task(name);
    for (const id of ["panel", "stage"]) find(id)?.scrollTo?.({ top: 0 });
    if (!window.matchMedia("(max-width: 820px)").matches) return;
    const [section, picture] = name === "inpaint" ? ["easel", ".easel-frame img"] : ["image-section", "#source img"];
    const until = Date.now() + 5000;
    (function go() {
      const image = document.querySelector(picture);
      if (image?.naturalWidth && image.getClientRects().length) find(section)?.scrollIntoView({ block: "start" });
      else if (Date.now() < until) requestAnimationFrame(go);
    })();
  }

  const EDITS = { image_to_image: "Image to image", inpaint: "Inpainting", variation: "Variation", branch: "Branch", grid: "Grid",
    grid_sheet: "Grid sheet", loopback: "Loopback", replay: "Replay", files: "Files", prompt_matrix: "Prompt matrix", prompt_list: "Prompts from a list",
    upscale: "Upscaled", vary_subtle: "Subtle variation", vary_strong: "Strong variation", outpaint: "Outpainting" };

  // What was done to a picture, in words: "inpaint", or "grid 2/12" for one of a series.
  function editWords(edit) {
    const [kind, place] = (edit ?? "").split(" ");
    const words = EDITS[kind] ?? kind.replaceAll("_", " ");
    return place ? `${words} · ${place.replace("/", " of ")}` : words;
  }

  function say(sentence) {
    const live = find("announcer");
    if (live && live.textContent !== sentence) live.textContent = sentence;
  }

  function closesSomething(event) {
    return event.defaultPrevented || document.querySelector("dialog[open]")
      || event.target.closest?.('[aria-expanded="true"], .toast-wrap');
  }

  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      event.target.blur?.(); // the field hands over what was typed last
      setTimeout(() => { press("dream"); event.target.focus?.(); }, 0);
    } else if (event.key === "Escape" && !closesSomething(event)) {
      if (document.body.classList.contains("dreaming")) press("stop");
    }
  });

  // What was said of the wish before is no longer true of this one.
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("#dream")) document.querySelectorAll(".toast-close").forEach((close) => close.click());
  }, true);

  // A double click is one wish: only the first of its clicks asks for something.
  document.addEventListener("click", (event) => {
    if (event.detail > 1 && event.target.closest?.("#dream")) event.stopImmediatePropagation();
  }, true);

  document.addEventListener("DOMContentLoaded", () => {
    if (!document.body.dataset.task) task("text_to_image");
  });

  return { el, icon, iconButton, url, clock, find, press, task, restored, tileShape, showTask, editWords, say };
})();
