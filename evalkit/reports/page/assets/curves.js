"use strict";
/*
Scores with their intervals at places of an axis, drawn from data.curves. Each point is a link to its samples.

  Page.curveChart({series, unit, title, isJoined, window}, width)   a chart as SVG; series are
      {name, mark, points: [{place, name, score, low, high, lines, route}]}, lines what its tip says besides
*/
(() => {
  const LEFT = 40, RIGHT = 14, TOP = 18, HEIGHT = 250, BELOW = 44;
  const NAMED = 130, LEAST_NAMED = 520; // pixels for names beside curves, and of a chart that has room for them
  const LINE = 15;
  const MOST_STEP = 11; // pixels from series to series at one place

  const shorten = (text, most) => ([...text].length > most ? `${[...text].slice(0, most - 1).join("")}…` : text);

  const placesOf = (series) => {
    const found = new Map();
    for (const each of series) for (const point of each.points) found.set(point.place, point.name);
    return [...found].sort(([left], [right]) => left - right);
  };

  const axes = (svg, places, shape, unit) => {
    const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => share * shape.top);
    for (const tick of ticks) {
      svg.append(
        Page.svg("line", { x1: LEFT, x2: LEFT + shape.room, y1: shape.y(tick), y2: shape.y(tick), class: "rule" }),
        Page.svg("text", { x: LEFT - 6, y: shape.y(tick) + 4, class: "end" }, place(tick)),
      );
    }
    svg.append(Page.svg("text", { x: 2, y: 10, class: "axis" }, Page.t("charts_score")));
    const middles = places.map((_, index) => shape.x(index));
    const shown = Page.scale.shown(middles, places.map(([, name]) => Page.textWidth(name)));
    places.forEach(([, name], index) => {
      if (shown.has(index)) svg.append(Page.svg("text", { x: middles[index], y: TOP + HEIGHT + 18, class: "middle" }, name));
    });
    svg.append(...Page.axisTitle(unit, LEFT + shape.room / 2, TOP + HEIGHT + 36, shape.width));
  };
  const place = (value) => String(Number(value.toPrecision(6)));

  const windowLine = (svg, places, shape, window) => {
    const inside = places.filter(([length]) => length <= window).length;
    if (!window || !inside || inside === places.length) return;
    const x = (shape.x(inside - 1) + shape.x(inside)) / 2;
    svg.append(Page.svg("line", { x1: x, x2: x, y1: TOP - 4, y2: TOP + HEIGHT, class: "window-line" }));
  };

  const told = (each, point) => [`${each.name} · ${point.name}`, ...point.lines];

  const pointOf = (each, point, x, shape) => {
    const y = shape.y(point.score), hasInterval = point.low !== null;
    const bar = hasInterval
      ? Page.svg("path", { class: `interval ${Page.seriesClass(each.mark)}`, d: `M${x} ${shape.y(point.low)}V${shape.y(point.high)}M${x - 3} ${shape.y(point.low)}h6M${x - 3} ${shape.y(point.high)}h6` })
      : null;
    const words = told(each, point).join(", ");
    return Page.svg(point.route ? "a" : "g", {
      class: "point", tabindex: -1, href: point.route ? `#${point.route}` : null, role: point.route ? null : "img", "aria-label": words,
    }, bar, Page.marker(each.mark, x, y, !hasInterval), Page.svg("circle", { class: "reach", cx: x, cy: y, r: 10 }));
  };

  /* Arrow keys go from place to place along a series, and from series to series at a place. */
  const listen = (svg, made) => {
    if (!made.length) return;
    const known = new Map(made.map((each) => [each.node, each]));
    const find = (target) => known.get(target.closest?.(".point"));
    let current = made[0];
    current.node.setAttribute("tabindex", 0);
    const show = (each) => Page.tip.show(each.node.querySelector(".reach").getBoundingClientRect(),
      each.point.route ? [...each.lines, Page.t("charts_open")] : each.lines);
    const go = (chosen) => {
      if (!chosen) return;
      current.node.setAttribute("tabindex", -1);
      current = chosen;
      current.node.setAttribute("tabindex", 0);
      current.node.focus();
    };
    const beside = (step) => made.filter((each) => each.series === current.series).find((each, index, all) => all[index - step] === current);
    const across = (step) => {
      const here = made.filter((each) => each.at === current.at).sort((left, right) => left.point.score - right.point.score || left.series - right.series);
      return here[here.indexOf(current) + step];
    };
    svg.addEventListener("pointerover", (event) => { const each = find(event.target); if (each) show(each); });
    svg.addEventListener("pointerout", (event) => { if (find(event.target)) Page.tip.hide(); });
    svg.addEventListener("focusin", (event) => { const each = find(event.target); if (each) { go(each === current ? null : each); show(each); } });
    svg.addEventListener("focusout", Page.tip.hide);
    svg.addEventListener("keydown", (event) => {
      const moves = { ArrowRight: () => beside(1), ArrowLeft: () => beside(-1), ArrowUp: () => across(1), ArrowDown: () => across(-1) };
      if (event.key in moves) go(moves[event.key]());
      else if (event.key === "Escape") return Page.tip.hide();
      else return undefined;
      event.preventDefault();
      return undefined;
    });
  };

  /* Names beside the last points, moved apart until none touches another. */
  const names = (svg, series, shape, lastOf) => {
    const placed = series.map((each, index) => ({ each, ...lastOf(index) })).filter((each) => each.y !== undefined)
      .sort((left, right) => left.y - right.y).map((each) => ({ ...each, at: each.y }));
    placed.forEach((each, index) => { if (index) each.at = Math.max(each.at, placed[index - 1].at + LINE); });
    const over = (placed.at(-1)?.at ?? 0) - (TOP + HEIGHT);
    if (over > 0) {
      placed.at(-1).at -= over;
      for (let index = placed.length - 2; index >= 0; index -= 1) placed[index].at = Math.min(placed[index].at, placed[index + 1].at - LINE);
    }
    const left = LEFT + shape.room + 10;
    for (const { each, x, y, at } of placed) {
      svg.append(
        Page.svg("path", { class: "leader", d: `M${x + 6} ${y}L${left - 2} ${at}` }),
        Page.marker(each.mark, left + 6, at),
        Page.svg("text", { x: left + 16, y: at + 4 }, Page.svg("title", {}, each.name), shorten(each.name, 17)),
      );
    }
  };

  Page.curveChart = ({ series, unit, title, isJoined = true, window = 0 }, width) => {
    const places = placesOf(series);
    const isNamed = series.length > 1 && width >= LEAST_NAMED && series.length * LINE <= HEIGHT;
    const room = width - LEFT - (isNamed ? NAMED + 18 : RIGHT);
    const top = Page.scale.top(series.flatMap((each) => each.points.flatMap((point) => [point.score, point.high ?? 0])));
    const slot = room / places.length;
    const step = Math.min(MOST_STEP, slot / (series.length + 1));
    const lines = Page.lines(unit, width);
    const height = TOP + HEIGHT + BELOW + 13 * (lines.length - 1);
    const shape = {
      width, room, top,
      x: (index) => LEFT + (index + 0.5) * slot,
      y: (score) => TOP + HEIGHT * (1 - score / top),
    };
    const svg = Page.svg("svg", {
      class: "curve-chart", width, height, viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": title,
    });
    axes(svg, places, shape, lines);
    windowLine(svg, places, shape, window);
    const order = new Map(places.map(([at], index) => [at, index]));
    const made = [];
    const last = new Map();
    series.forEach((each, index) => {
      const shift = (index - (series.length - 1) / 2) * step;
      const points = [...each.points].sort((left, right) => left.place - right.place);
      const spots = points.map((point) => ({ point, x: shape.x(order.get(point.place)) + shift, y: shape.y(point.score) }));
      if (isJoined && spots.length > 1) {
        svg.append(Page.svg("polyline", { class: `line ${Page.seriesClass(each.mark)}`, points: spots.map(({ x, y }) => `${x},${y}`).join(" ") }));
      }
      for (const { point, x } of spots) {
        made.push({ node: pointOf(each, point, x, shape), point, at: point.place, series: index, lines: told(each, point) });
      }
      if (spots.length) last.set(index, spots.at(-1));
    });
    svg.append(...made.map((each) => each.node));
    if (isNamed) names(svg, series, shape, (index) => ({ x: last.get(index)?.x, y: last.get(index)?.y }));
    listen(svg, made);
    return svg;
  };

  /* What a point's tip says besides its name. */
  Page.pointWords = (point) => [
    Page.t("heatmaps_score", { score: Page.number(point.score) }),
    Page.intervalWords(point.low, point.high),
    Page.countWords(point.n, point.clusters),
  ];

  const KINDS = ["length", "cut", "needles"];
  const state = { of: "", runs: null };
  let draw = () => {};

  const nameOf = (curve) => `${Page.data.runs[curve.run].benchmark}/${curve.scope}/${curve.task}`;

  const choices = (curves) => {
    const found = new Map();
    for (const curve of curves) {
      const { title } = Page.data.runs[curve.run];
      for (const scope of ["all", "group", "task"]) {
        const heading = scope === "task" ? `${title} · ${Page.t("curves_tasks")}` : title;
        if (!found.has(heading)) found.set(heading, new Map());
        if (curve.scope === scope) found.get(heading).set(nameOf(curve), [scope, curve.label]);
      }
    }
    const rank = ([, [scope]]) => ["all", "group", "task"].indexOf(scope);
    return [...found].filter(([, named]) => named.size).map(([title, named]) =>
      [title, [...named].sort((left, right) => rank(left) - rank(right)).map(([name, [, label]]) => [name, label])]);
  };

  const seriesOf = (curve) => ({
    name: Page.data.runs[curve.run].name,
    mark: curve.run,
    points: curve.points.map((point) => ({
      ...point, lines: Page.pointWords(point), route: `samples?${new URLSearchParams({ run: curve.run, ...point.filter, scored: "1" })}`,
    })),
  });

  /* One chart for each kind and unit: lengths that are counted differently share no axis. */
  const charts = (curves, room) => {
    const found = new Map();
    for (const kind of KINDS) {
      for (const curve of curves) {
        const name = JSON.stringify([kind, curve.unit]);
        if (curve.kind === kind) found.set(name, [...(found.get(name) ?? []), curve]);
      }
    }
    return [...found.values()].map((members) => {
      const [{ kind, unit, label, pooled }] = members;
      const title = Page.t("curves_chart", { kind: Page.t(`curves_kind_${kind}`), what: label });
      const isOpen = members.some((curve) => curve.points.some((point) => point.low === null));
      const notes = [pooled && Page.t("curves_pooled"), isOpen && Page.t("curves_open")].filter(Boolean);
      const isSmall = kind === "cut";
      return Page.element("figure", { class: "curve" },
        Page.element("figcaption", {}, Page.element("b", {}, title)),
        Page.curveChart({ series: members.map(seriesOf), unit, title, isJoined: kind !== "cut" }, isSmall ? Math.min(room, 560) : Math.min(room, 900)),
        notes.length ? Page.element("p", { class: "note" }, notes.join(" · ")) : null);
    });
  };

  Page.section("curves", (root, data) => {
    const groups = choices(data.curves);
    const names = groups.flatMap(([, options]) => options.map(([name]) => name));
    const drawn = root.querySelector(".drawn");
    const controls = drawn.appendChild(Page.element("div", { class: "chart-controls" }));
    const place = drawn.appendChild(Page.element("div", { class: "curves" }));
    const offered = () => data.curves.filter((curve) => nameOf(curve) === state.of);

    const paint = () => {
      const shown = offered().filter((curve) => state.runs === null || state.runs.has(curve.run));
      Page.clear(place).append(...(shown.length ? charts(shown, place.clientWidth || 1000) : [Page.element("p", { class: "note" }, Page.t("charts_nothing"))]));
    };
    const remember = () => {
      const parameters = { of: state.of };
      if (state.runs !== null) parameters.runs = [...state.runs].sort((left, right) => left - right).join(",");
      Page.remember("curves", parameters);
    };
    const control = () => {
      const runs = [...new Set(offered().map((curve) => curve.run))];
      const chosen = new Set(runs.filter((run) => state.runs === null || state.runs.has(run)));
      Page.clear(controls).append(
        Page.chooser(Page.t("charts_show"), groups, state.of, (value) => {
          Object.assign(state, { of: value, runs: null });
          control();
          paint();
          remember();
          controls.querySelector("select").focus();
        }),
        ...(runs.length > 1 ? [Page.runChooser(runs, chosen, () => { state.runs = new Set(chosen); paint(); remember(); }, true)] : []),
      );
    };
    draw = (parameters = {}) => {
      state.of = names.includes(parameters.of) ? parameters.of : names[0];
      state.runs = parameters.runs === undefined ? null : new Set(parameters.runs.split(",").filter(Boolean).map(Number));
      control();
      paint();
    };
    draw();
    Page.onWidth(place, paint);
  });

  Page.onRoute("curves", (rest, parameters) => { if (Object.keys(parameters).length) draw(parameters); });
})();
