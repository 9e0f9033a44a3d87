"use strict";
/* The frame around the sections: theme, keys, scroll positions, printing. It stands before the data and needs none. */
(() => {
  const root = document.documentElement;
  const title = document.title;
  root.classList.add("scripted");
  for (const tool of document.querySelectorAll("#tools, #help-keys")) tool.hidden = false;

  /* Theme: what the system says, or what was chosen; nothing is stored. */
  const themes = [...document.querySelectorAll("#theme button")];
  const choose = (chosen) => {
    for (const button of themes) button.setAttribute("aria-pressed", String(button === chosen));
    if (chosen.value === "auto") delete root.dataset.theme;
    else root.dataset.theme = chosen.value;
  };
  for (const button of themes) button.addEventListener("click", () => choose(button));
  const nextTheme = () => {
    const current = themes.findIndex((button) => button.getAttribute("aria-pressed") === "true");
    choose(themes[(current + 1) % themes.length]);
  };

  /* Keys, and the list of those that do something in the section that is shown. */
  const help = document.getElementById("help");
  const listKeys = () => {
    const place = Page.clear(document.getElementById("more-keys"));
    for (const { key, label, section } of Page.data === null ? [] : Page.keys) {
      if (section && section !== Page.shown()) continue;
      const term = Page.element("dt", null, Page.element("kbd", null, key));
      place.append(Page.element("div", null, term, Page.element("dd", null, Page.t(label))));
    }
  };
  const openHelp = () => { listKeys(); help.showModal(); };
  document.getElementById("help-button").addEventListener("click", openHelp);
  document.getElementById("help-close").addEventListener("click", () => help.close());
  help.addEventListener("click", (event) => { if (event.target === help) help.close(); }); // beside it

  const isField = (node) => node instanceof Element && node.closest("input, select, textarea, [contenteditable]");
  const goTo = (number) => { const name = Page.names()[number - 1]; if (name) Page.go(name); };
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (isField(event.target) || document.querySelector("dialog[open]")) return;
    if (event.key === "?") openHelp();
    else if (event.key === "t") nextTheme();
    else if (/^[1-9]$/.test(event.key)) goTo(Number(event.key));
    else {
      const found = Page.keys.find(({ key, section }) => key === event.key && (!section || section === Page.shown()));
      if (!found || Page.data === null) return;
      found.act(event);
    }
    event.preventDefault();
  });
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault(); // its fragment names no section
    document.getElementById("main").focus();
  });

  /* Each entry of the history keeps how far it was scrolled; a new one of another section begins at its top. */
  history.scrollRestoration = "manual";
  const positions = new Map();
  let entry = history.state?.entry ?? 0;
  let newest = entry;
  const remember = (values) => history.replaceState({ ...history.state, ...values }, "");
  remember({ entry });
  const top = () => { const header = document.querySelector("header"); return header.offsetTop + header.offsetHeight; };
  const move = () => {
    const before = Page.shown();
    positions.set(entry, window.scrollY);
    const isNew = history.state?.entry === undefined;
    entry = isNew ? newest + 1 : history.state.entry;
    newest = Math.max(newest, entry);
    if (isNew) remember({ entry });
    Page.follow();
    if (!isNew) window.scrollTo(0, positions.get(entry) ?? 0);
    else if (Page.shown() !== before) window.scrollTo(0, Math.min(window.scrollY, top()));
    name();
  };
  const name = () => {
    const shown = "main > section:not([hidden]) >";
    const heading = document.querySelector(`${shown} .detail:not([hidden]) h2`) ?? document.querySelector(`${shown} .heading`);
    document.title = heading ? `${heading.textContent} · ${title}` : title;
  };
  window.addEventListener("hashchange", move);
  window.addEventListener("pagehide", () => remember({ scroll: window.scrollY }));
  Page.begin = () => { Page.follow(); window.scrollTo(0, history.state?.scroll ?? 0); name(); };

  /* Print: every section but lists of samples, all of it unfolded. */
  let folded = [];
  let hidden = [];
  window.addEventListener("beforeprint", () => {
    hidden = [...document.querySelectorAll("main > section[hidden]:not(.screen-only)")];
    for (const section of hidden) { section.hidden = false; Page.draw(section.id); }
    folded = [...document.querySelectorAll("main details:not([open])")];
    for (const each of folded) each.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const section of hidden) section.hidden = true;
    for (const each of folded) each.open = false;
  });

  document.addEventListener("DOMContentLoaded", () => { if (!Page.isStarted) Page.problem("damaged"); }); // cut off
  Page.follow();
  name();
})();
