"use strict";
/*
What heatmaps and curves share.

  Page.scale.colour(palette, score)      the colour of a score, 0–100
  Page.scale.isDark(palette, score)      whether dark lines would be lost on it
  Page.scale.top(values)                 where an axis of scores ends: a round number that no value passes
  Page.lines(text, room)                 a label in as many lines as it needs there
  Page.axisTitle(lines, middle, y, width)   those lines below an axis, inside the picture
  Page.scale.shown(positions, widths)    which labels of an axis do not touch each other
  Page.marker(series, x, y)              a marker: its shape tells series apart where colours do not
  Page.tip.show(box, lines), .hide()     what is known of the thing at that box of the window
  Page.runChooser(runs, chosen, change, hasMarks)   boxes to choose runs with, beside them how curves mark them
  Page.chooser(label, groups, value, change)        a list to choose from; groups are [title, [[value, text], …]]
  Page.remember(section, parameters)    puts what is chosen into the URL's fragment
*/
(() => {
  const TOPS = [10, 20, 40, 60, 80, 100];
  const SHADES = 256;
  const KINDS = 7; // of markers and colours: charts.css

  const shade = (score) => Math.min(SHADES - 1, Math.floor((score / 100) * SHADES));
  Page.scale = {
    colour: (palette, score) => Page.data.palettes[palette].colours[shade(score)],
    isDark: (palette, score) => Page.data.palettes[palette].dark[shade(score)] === "1",
    top: (values) => TOPS.find((top) => values.every((value) => value <= top)) ?? Math.max(...values),
    shown: (positions, widths) => {
      const shown = [];
      positions.forEach((position, index) => {
        const last = shown.at(-1);
        if (last === undefined || position - positions[last] >= (widths[index] + widths[last]) / 2 + 6) shown.push(index);
      });
      return new Set(shown);
    },
  };

  /* About the width of a text in the page's 11 px labels. */
  Page.textWidth = (text) => [...text].reduce((sum, sign) => sum + (sign > "\u2e80" ? 11.5 : 6.3), 0);

  Page.lines = (text, room) => {
    const lines = [""];
    for (const word of text.split(/(?<=[ ；，（])/)) {
      if (lines.at(-1) && Page.textWidth(lines.at(-1) + word) > room) lines.push("");
      lines.push(lines.pop() + word);
    }
    return lines.map((line) => line.trim());
  };
  Page.axisTitle = (lines, middle, y, width) => lines.map((line, index) => {
    const half = Page.textWidth(line) / 2;
    const x = Math.max(Math.min(middle, width - half), Math.min(half, width / 2));
    return Page.svg("text", { x, y: y + 13 * index, class: "middle axis" }, line);
  });

  const polygon = (corners, x, y) => corners.map(([right, down]) => `${x + right},${y + down}`).join(" ");
  const SHAPES = [
    (x, y) => Page.svg("circle", { cx: x, cy: y, r: 4.2 }),
    (x, y) => Page.svg("rect", { x: x - 4, y: y - 4, width: 8, height: 8 }),
    (x, y) => Page.svg("polygon", { points: polygon([[0, -5], [5, 4], [-5, 4]], x, y) }),
    (x, y) => Page.svg("polygon", { points: polygon([[0, -5.5], [5.5, 0], [0, 5.5], [-5.5, 0]], x, y) }),
    (x, y) => Page.svg("polygon", { points: polygon([[0, 5], [5, -4], [-5, -4]], x, y) }),
    (x, y) => Page.svg("polygon", {
      points: polygon([[-2, -5], [2, -5], [2, -2], [5, -2], [5, 2], [2, 2], [2, 5], [-2, 5], [-2, 2], [-5, 2], [-5, -2], [-2, -2]], x, y),
    }),
    (x, y) => Page.svg("polygon", { points: polygon([[-5, 0], [-2.5, -4.4], [2.5, -4.4], [5, 0], [2.5, 4.4], [-2.5, 4.4]], x, y) }),
  ];
  Page.seriesClass = (series) => `series-${series % KINDS}${series >= KINDS ? " series-again" : ""}`;
  Page.marker = (series, x, y, isHollow = false) => {
    const shape = SHAPES[series % KINDS](x, y);
    shape.setAttribute("class", `marker ${Page.seriesClass(series)}${isHollow ? " hollow" : ""}`);
    return shape;
  };

  const AWAY = 10; // pixels from what it tells of
  let tip = null;
  Page.tip = {
    show: (box, lines) => {
      tip ??= document.body.appendChild(Page.element("div", { class: "tip", role: "tooltip" }));
      Page.clear(tip);
      tip.append(...lines.map((line, index) => Page.element("div", { class: index ? null : "tip-head" }, line)));
      tip.hidden = false;
      const { width, height } = tip.getBoundingClientRect();
      const left = Math.min(Math.max(4, box.left + box.width / 2 - width / 2), window.innerWidth - width - 4);
      const above = box.top - height - AWAY;
      tip.style.left = `${Math.max(4, left)}px`;
      tip.style.top = `${above >= 4 ? above : box.bottom + AWAY}px`;
    },
    hide: () => { if (tip) tip.hidden = true; },
  };
  window.addEventListener("hashchange", Page.tip.hide);
  window.addEventListener("scroll", Page.tip.hide, { passive: true });

  /* "25 samples of 5 documents" */
  Page.countWords = (n, clusters) => {
    const samples = n === 1 ? Page.t("charts_one_sample") : Page.t("charts_samples", { n: Page.count(n) });
    if (clusters === undefined) return samples;
    const words = clusters === 1 ? "charts_one_document" : "charts_documents";
    return `${samples} ${Page.t(words, { clusters: Page.count(clusters) })}`;
  };
  Page.intervalWords = (low, high, otherwise = "charts_no_interval") =>
    low === null || low === undefined
      ? Page.t(otherwise)
      : Page.t("charts_interval", { low: Page.number(low), high: Page.number(high) });

  Page.swatch = (series) =>
    Page.svg("svg", { class: "swatch", width: 14, height: 14, "aria-hidden": "true" }, Page.marker(series, 7, 7));

  Page.runChooser = (runs, chosen, change, hasMarks = false) => {
    const boxes = runs.map((run) => {
      const box = Page.element("input", {
        type: "checkbox", value: run, checked: chosen.has(run),
        onchange: (event) => {
          if (event.target.checked) chosen.add(run);
          else chosen.delete(run);
          change();
        },
      });
      return Page.element("label", { class: "run-box" }, box, hasMarks ? Page.swatch(run) : null, Page.element("span", {}, Page.data.runs[run].name));
    });
    return Page.element("fieldset", { class: "run-chooser" }, Page.element("legend", {}, Page.t("charts_runs")), boxes);
  };

  Page.chooser = (label, groups, value, change) => {
    const option = ([name, text]) => Page.element("option", { value: name, selected: name === value }, text);
    const lists = groups.map(([title, options]) =>
      title ? Page.element("optgroup", { label: title }, options.map(option)) : options.map(option));
    const select = Page.element("select", { onchange: (event) => change(event.target.value) }, lists);
    return Page.element("label", { class: "chooser" }, Page.element("span", {}, label), select);
  };

  Page.remember = (section, parameters) => {
    const query = new URLSearchParams(parameters).toString();
    history.replaceState(history.state, "", `#${section}${query ? `?${query}` : ""}`);
  };

  /* Draws again when the place gets another width. */
  Page.onWidth = (place, draw) => {
    let width = 0;
    new ResizeObserver(([entry]) => {
      const now = Math.round(entry.contentRect.width);
      if (now && Math.abs(now - width) > 1) {
        const isFirst = width === 0;
        width = now;
        if (!isFirst) draw();
      }
    }).observe(place);
  };
})();
