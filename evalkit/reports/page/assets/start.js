"use strict";
/* Unpacks the data, then shows what the URL's fragment asks for. */
(async () => {
  const unpack = async () => {
    const packed = Uint8Array.from(atob(document.getElementById("data").textContent), (sign) => sign.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    return JSON.parse(await new Response(stream).text());
  };
  try {
    Page.data = await unpack();
  } catch (error) {
    Page.problem(`This page is damaged, or the browser is too old for it (${error.message}).`);
    return;
  }
  document.documentElement.classList.add("ready");
  window.addEventListener("hashchange", Page.follow);
  Page.follow();
})();
