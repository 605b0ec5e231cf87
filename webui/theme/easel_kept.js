// The browser keeps the mask with the address of its picture, for when the page is opened again.
reverie.easelKept = (() => {
  "use strict";
  const KEPT = "reverie-mask";
  let said = false;

  function write(text) {
    try { localStorage.setItem(KEPT, text); return true; } catch { return false; }
  }

  return {
    keep(picture, mask) {
      try { if (!mask) return localStorage.removeItem(KEPT); } catch { return undefined; }
      const text = JSON.stringify({ picture, mask });
      if (write(text)) return undefined;
      try { localStorage.removeItem(KEPT); } catch { /* none allowed */ } // an older mask must not come back instead
      if (write(text) || said) return undefined;
      said = true;
      return reverie.notice("The browser has no room to keep this mask: it is lost when the page is closed.");
    },
    kept(picture) {
      try {
        const found = JSON.parse(localStorage.getItem(KEPT) ?? "null");
        return found?.picture === picture ? found.mask : "";
      } catch { return ""; }
    },
  };
})();
