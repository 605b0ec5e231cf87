// Everything that can be done with finished pictures; `changed` hears of what became of them.
reverie.deeds = (trigger, changed) => {
  "use strict";
  const { el, url, notice } = reverie;

  const pictureURL = (id) => url(`/reverie/picture/${encodeURIComponent(id)}`);
  const thumbnailURL = (id) => url(`/reverie/thumbnail/${encodeURIComponent(id)}`);
  const smallURL = (picture) =>
    Math.max(picture.width, picture.height) <= 512 ? pictureURL(picture.id) : thumbnailURL(picture.id);

  // `id`: the picture it is about; where its file is gone, moved by hand perhaps, it leaves the feed.
  async function ask(path, body, id) {
    const how = body === undefined ? {} : { method: "POST", body: JSON.stringify(body),
      headers: { "content-type": "application/json", "x-reverie": "1" } };
    let answer;
    try { answer = await fetch(url(path), how); } catch { answer = null; }
    if (answer?.ok) return answer.json();
    if (answer?.status === 404 && id) changed.removed(new Set([id]));
    notice(answer ? (await answer.text()).slice(0, 300) || "That did not work; try again." : "The studio does not answer; try again in a moment.");
    return null;
  }

  const words = (count) => (count === 1 ? "1 picture" : `${count} pictures`);

  async function star(pictures, starred) {
    const answer = await ask("/reverie/star", { ids: pictures.map((picture) => picture.id), starred });
    if (!answer) return;
    if (answer.notice) notice(answer.notice);
    if (answer.gone.length) changed.removed(new Set(answer.gone));
    changed.starred(new Set(answer.ids), starred);
  }

  async function remove(pictures) {
    const answer = await ask("/reverie/delete", { ids: pictures.map((picture) => picture.id) });
    if (!answer) return;
    changed.removed(new Set([...answer.ids, ...answer.gone]));
    if (answer.notice) notice(answer.notice);
    if (answer.ids.length) notice(`Deleted ${words(answer.ids.length)}.`, { label: "Undo", act: () => restore(answer.ids) });
  }

  async function restore(ids) {
    const answer = await ask("/reverie/restore", { ids });
    if (!answer) return;
    if (answer.notice) notice(answer.notice);
    changed.restored(answer.ids);
    if (answer.ids.length) notice(`${words(answer.ids.length)} ${answer.ids.length === 1 ? "is" : "are"} back.`);
  }

  // Where answers to downloads land that are no file but a sentence, so that they never take the studio's place.
  function landing() {
    const here = document.getElementById("downloads");
    if (here) return here;
    const frame = el("iframe", { id: "downloads", name: "downloads", hidden: true, title: "Downloads", onload: () => {
      const sentence = frame.contentDocument?.body?.textContent.trim();
      if (sentence) { notice(sentence.slice(0, 300)); changed.stale(); }
    } });
    document.body.append(frame);
    return frame;
  }

  // A form, because a ZIP of hundreds needs more room than an address has.
  function download(pictures, how = {}) {
    const fields = { ids: pictures.map((picture) => picture.id).join(","), ...how };
    const form = el("form", { method: "post", action: url("/reverie/download"), target: landing().name, hidden: true },
      ...Object.entries(fields).map(([name, value]) => el("input", { type: "hidden", name, value })));
    document.body.append(form);
    form.submit();
    form.remove();
  }

  // What leads to the panel is seen there.
  const inPanel = (name, about) => { reverie.room("studio"); trigger(name, about); };
  const send = (task) => (picture) => inPanel("send", { id: picture.id, task });
  const reuse = (what) => (picture) => inPanel("reuse", { id: picture.id, what });
  return {
    pictureURL, thumbnailURL, smallURL, ask, words, star, remove, restore, download,
    toImage: send("image_to_image"), toMask: send("inpaint"), vary: (picture) => inPanel("vary", { id: picture.id, how: "" }),
    varySubtle: (picture) => inPanel("vary", { id: picture.id, how: "subtle" }),
    varyStrong: (picture) => inPanel("vary", { id: picture.id, how: "strong" }),
    enlarge: (picture, scale, upscaler) => inPanel("enlarge", { id: picture.id, scale, upscaler }),
    replay: (picture, wish) => inPanel("replay", { id: picture.id, ...wish }),
    branch: (picture, step) => inPanel("branch", { id: picture.id, step }),
    reusePrompt: reuse("prompt"), reuseSeed: reuse("seed"), reuseAll: reuse("everything"), remix: reuse("remix"),
  };
};
