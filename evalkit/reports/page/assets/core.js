"use strict";
/*
The namespace of the page's scripts, and what all of them use. Text of others enters the page as text nodes only
(`Page.element`), never as markup.

  Page.data                 what Python wrote, once `start.js` has unpacked it
  Page.section(name, draw)  registers what draws a section: draw(root, data) is called once, when it is first shown
  Page.t(key, values)       a label, `{name}` in it replaced
  Page.element(tag, attributes, ...children)   an element; strings and numbers among the children become text
  Page.svg(tag, attributes, ...children)       the same in SVG
  Page.go(route)            shows a route: a section's name, or "samples?task=trec", "sample/0/longbench%2Ftrec%2F3"
  Page.onRoute(name, show)  show(rest, parameters) is called when a route that begins with name is shown
  Page.onKey(key, label, act, section)   act(event) is called when the key is pressed outside fields and dialogs, while
                            that section is shown (none: any); the label is a key of the labels, for the list behind `?`
*/
const Page = (() => {
  const SVG = "http://www.w3.org/2000/svg";
  const sections = new Map();
  const routes = new Map();
  const drawn = new Set();
  const page = { data: null, keys: [] };

  page.t = (key, values = {}) => {
    const text = Object.hasOwn(page.data.labels, key) ? page.data.labels[key] : key;
    return text.replace(/\{(\w+)\}/g, (whole, name) => (Object.hasOwn(values, name) ? String(values[name]) : whole));
  };

  const set = (node, name, value) => {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value); // a function: a text throws
    else if (name === "href" && !/^(#|https:\/\/)/.test(value)) throw new TypeError(`no link of this page: ${value}`);
    else if (name === "class") node.setAttribute("class", value);
    else if (name === "style") Object.assign(node.style, value); // properties, which the policy allows
    else if (name in node && typeof value === "boolean") node[name] = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  };
  const fill = (node, attributes, children) => {
    for (const [name, value] of Object.entries(attributes ?? {})) {
      if (value !== null && value !== undefined && value !== false) set(node, name, value);
    }
    for (const child of children.flat(Infinity)) {
      if (child === null || child === undefined) continue;
      node.append(child instanceof Node ? child : document.createTextNode(String(child)));
    }
    return node;
  };
  page.element = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
  page.svg = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
  page.clear = (node) => { node.replaceChildren(); return node; };

  /* A number as Python prints it: of two that are as near, the one with an even last digit (10.125 is 10.12). */
  page.number = (value, digits = 2) => {
    if (value === null || value === undefined) return "–";
    const exact = value.toFixed(60);
    const end = exact.length - 60 + digits;
    const isEven = "02468".includes(exact[digits ? end - 1 : end - 2]);
    return isEven && /^50*$/.test(exact.slice(end)) ? exact.slice(0, digits ? end : end - 1) : value.toFixed(digits);
  };
  page.count = (value) => value.toLocaleString("en-US");

  page.section = (name, draw) => sections.set(name, draw);
  page.onRoute = (name, show) => routes.set(name, show);
  page.onKey = (key, label, act, section = null) => page.keys.push({ key, label, act, section });
  page.go = (route) => { location.hash = `#${route}`; };
  page.names = () => [...document.querySelectorAll("main > section")].map((each) => each.id);
  page.shown = () => document.querySelector("main > section:not([hidden])")?.id;

  /* "samples?task=trec" → ["samples", "", {task: "trec"}]; "sample/0/a%2Fb" → ["sample", "0/a%2Fb", {}] */
  const parse = (hash) => {
    const [path, query = ""] = hash.replace(/^#/, "").split("?");
    const slash = path.indexOf("/");
    const head = slash < 0 ? path : path.slice(0, slash);
    return [head, slash < 0 ? "" : path.slice(slash + 1), Object.fromEntries(new URLSearchParams(query))];
  };

  /* Draws a section unless that was done, or there is nothing yet to draw it from. */
  page.draw = (name) => {
    if (page.data === null || drawn.has(name) || !sections.has(name)) return;
    drawn.add(name);
    try {
      sections.get(name)(document.getElementById(name), page.data);
    } catch (error) {
      page.problem("section");
      throw error;
    }
  };

  page.show = (name) => {
    for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== name;
    for (const link of document.querySelectorAll("#sections a")) {
      const isCurrent = link.getAttribute("href") === `#${name}`;
      if (isCurrent) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
      if (isCurrent) link.parentElement.scrollLeft = link.offsetLeft - 60; // where the bar is wider than the screen
    }
    page.draw(name);
  };

  /* Shows what the URL's fragment asks for; the first section where it asks for nothing that there is. */
  page.follow = () => {
    const names = page.names();
    const [head, rest, parameters] = parse(location.hash);
    const route = page.data === null ? undefined : routes.get(head);
    const section = names.find((name) => name === head || name === `${head}s`); // "sample/…" is shown in `samples`
    if (!section) return page.show(names[0]);
    if (section === head || !route) page.show(section);
    try {
      return route?.(rest, parameters);
    } catch (error) {
      if (!(error instanceof URIError)) throw error;
      return page.show(names[0]); // a link that was cut in the middle of an escape
    }
  };

  /* Says what is wrong: one of the texts that stand in the HTML, and what else is known of it. */
  page.problem = (kind, detail = "") => {
    const place = document.getElementById("problem");
    place.textContent = place.dataset[kind] + (detail ? ` (${detail})` : "");
    place.hidden = false;
  };
  return page;
})();
