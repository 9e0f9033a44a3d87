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
*/
const Page = (() => {
  const SVG = "http://www.w3.org/2000/svg";
  const sections = new Map();
  const routes = new Map();
  const drawn = new Set();
  const page = { data: null };

  page.t = (key, values = {}) => {
    const text = page.data.labels[key] ?? key;
    return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
  };

  const fill = (node, attributes, children) => {
    for (const [name, value] of Object.entries(attributes ?? {})) {
      if (value === null || value === undefined || value === false) continue;
      if (name.startsWith("on") && typeof value === "function") node.addEventListener(name.slice(2), value);
      else if (name === "class") node.setAttribute("class", value);
      else if (name === "style") Object.assign(node.style, value); // properties, which the policy allows
      else if (name in node && typeof value === "boolean") node[name] = value;
      else node.setAttribute(name, value === true ? "" : String(value));
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
  page.go = (route) => { location.hash = `#${route}`; };
  page.names = () => [...document.querySelectorAll("main > section")].map((each) => each.id);

  /* "samples?task=trec" → ["samples", "", {task: "trec"}]; "sample/0/a%2Fb" → ["sample", "0/a%2Fb", {}] */
  const parse = (hash) => {
    const [path, query = ""] = hash.replace(/^#/, "").split("?");
    const slash = path.indexOf("/");
    const head = slash < 0 ? path : path.slice(0, slash);
    return [head, slash < 0 ? "" : path.slice(slash + 1), Object.fromEntries(new URLSearchParams(query))];
  };

  page.show = (name) => {
    for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== name;
    for (const link of document.querySelectorAll("#sections a")) {
      if (link.getAttribute("href") === `#${name}`) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    if (!drawn.has(name) && sections.has(name)) {
      drawn.add(name);
      sections.get(name)(document.getElementById(name), page.data);
    }
  };

  page.follow = () => {
    const names = page.names();
    const [head, rest, parameters] = parse(location.hash);
    const route = routes.get(head);
    if (!route && !names.includes(head)) return page.show(names[0]);
    if (names.includes(head)) page.show(head);
    return route?.(rest, parameters);
  };

  page.problem = (text) => {
    const place = document.getElementById("problem");
    place.textContent = text;
    place.hidden = false;
  };
  return page;
})();
