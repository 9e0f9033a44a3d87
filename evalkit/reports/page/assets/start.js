"use strict";
/* Unpacks the data, then shows what the URL's fragment asks for. */
(async () => {
  const WAIT = 300; // milliseconds after which a reader is told what takes so long
  Page.isStarted = true;
  if (typeof DecompressionStream === "undefined") return Page.problem("old");
  /* Names of others are keys of the data: no object there has any but its own, `constructor` and `toString` too. */
  const bare = (value) => {
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) value.forEach(bare);
    else Object.values(Object.setPrototypeOf(value, null)).forEach(bare);
    return value;
  };
  const unpack = async () => {
    const text = atob(document.getElementById("data").textContent);
    const packed = new Uint8Array(text.length);
    for (let index = 0; index < text.length; index += 1) packed[index] = text.charCodeAt(index);
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    return bare(JSON.parse(await new Response(stream).text()));
  };
  const waiting = document.getElementById("waiting");
  const timer = setTimeout(() => { waiting.hidden = false; }, WAIT);
  try {
    Page.data = await unpack();
  } catch (error) {
    return Page.problem("damaged", error.message);
  } finally {
    clearTimeout(timer);
    waiting.hidden = true;
  }
  Page.begin();
  document.documentElement.classList.add("ready");
})();
