"use strict";
/*
Grids of length × depth, drawn from data.grids. Every cell can be reached by keyboard, and opens its samples.

  Page.heatmapPanels(grids, palette, width)   a figure for each grid, on one colour scale
  Page.colourBar(palette), Page.heatmapKey(grids)   the scale, and what the marks in these grids mean
  Page.paletteChooser(palette, change)        a list of palettes
  Page.gridName(grid)                         benchmark and name: what grids of several runs have in common
*/
(() => {
  const LEFT = 40, RIGHT = 8, TOP = 16, LABELS = 36, GAP = 5, MEAN = 16;
  const LEAST_HEIGHT = 110, MOST_HEIGHT = 300, ROW = 26;
  const NUMBER_WIDTH = 38, NUMBER_HEIGHT = 14; // least cell that a score is printed in
  const LEAST_PANEL = 330, BETWEEN = 24;

  Page.gridName = (grid) => `${Page.data.runs[grid.run].benchmark}/${grid.name}`;

  const at = (grid, column, row) => column * grid.depths.length + row;
  const scoreOf = (grid, column, row) => (row === null ? grid.means[column] : grid.score[at(grid, column, row)]);
  /* Where a cell stands; a column's mean where there is no row. */
  const boxOf = ({ cellWidth, cellHeight, bottom }, column, row) => ({
    x: LEFT + column * cellWidth,
    y: row === null ? bottom + GAP : TOP + row * cellHeight,
    width: cellWidth,
    height: row === null ? MEAN : cellHeight,
  });
  const place = (value) => String(Number(value.toPrecision(6)));

  /* The samples of a cell, of a whole column where there is no depth. */
  const samplesOf = (grid, column, row) => {
    const facts = { length: grid.lengths[column], depth: row === null ? null : grid.depths[row] };
    const query = new URLSearchParams({ run: grid.run });
    if (grid.of) query.set("task", grid.of);
    for (const [name, fact] of Object.entries(facts)) if (fact !== null) query.set(name, place(fact));
    if (grid.language) query.set("language", grid.language);
    query.set("scored", "1");
    return `samples?${query}`;
  };

  const words = (grid, column, row) => {
    const length = Page.count(grid.lengths[column]);
    if (row === null) {
      const mean = grid.means[column];
      return [
        Page.t("heatmaps_place_mean", { length }),
        mean === null ? Page.t("heatmaps_no_mean") : Page.t("heatmaps_score", { score: Page.number(mean) }),
      ];
    }
    const cell = at(grid, column, row);
    const found = [Page.t("heatmaps_place", { length, depth: place(grid.depths[row]) })];
    if (grid.score[cell] === null) found.push(Page.t("heatmaps_no_data"));
    else {
      found.push(Page.t("heatmaps_score", { score: Page.number(grid.score[cell]) }));
      found.push(Page.intervalWords(grid.low[cell], grid.high[cell], grid.task ? "charts_no_interval" : "charts_no_interval_group"));
    }
    found.push(Page.countWords(grid.n[cell]));
    if (grid.cut[cell]) found.push(Page.t("heatmaps_cut", { cut: grid.cut[cell], n: grid.n[cell] }));
    if (grid.real[cell] !== null) found.push(Page.t("heatmaps_real", { real: Page.number(grid.real[cell]) }));
    return found;
  };

  const axisLabels = (svg, grid, shape) => {
    const { cellWidth, cellHeight, bottom, width, lines } = shape;
    const middles = grid.lengths.map((_, column) => LEFT + (column + 0.5) * cellWidth);
    const shown = Page.scale.shown(middles, grid.names.map(Page.textWidth));
    grid.names.forEach((name, column) => {
      if (shown.has(column)) svg.append(Page.svg("text", { x: middles[column], y: bottom + GAP + MEAN + 14, class: "middle" }, name));
    });
    const step = Math.ceil(13 / cellHeight);
    grid.depths.forEach((depth, row) => {
      if (row % step === 0) svg.append(Page.svg("text", { x: LEFT - 5, y: TOP + (row + 0.5) * cellHeight + 4, class: "end" }, place(depth)));
    });
    svg.append(
      Page.svg("text", { x: LEFT - 5, y: bottom + GAP + 12, class: "end" }, Page.t("heatmaps_mean")),
      Page.svg("text", { x: 2, y: 10, class: "axis" }, Page.t("charts_depth")),
      ...Page.axisTitle(lines, LEFT + (grid.lengths.length * cellWidth) / 2, bottom + GAP + MEAN + LABELS - 6, width),
    );
  };

  /* Strokes over every cell that lost a needle, closer where all its samples did. */
  const hatching = (svg, grid, shape, palette) => {
    const paths = { light: "", dark: "" };
    const { cellWidth, cellHeight } = shape;
    grid.cut.forEach((cut, cell) => {
      if (!cut) return;
      const ink = grid.score[cell] !== null && Page.scale.isDark(palette, grid.score[cell]) ? "light" : "dark";
      const { x: left, y: top } = boxOf(shape, Math.floor(cell / grid.depths.length), cell % grid.depths.length);
      const step = cut >= grid.n[cell] ? 4 : 8;
      for (let start = step / 2; start < cellWidth + cellHeight; start += step) {
        const [right, down] = [Math.min(start, cellWidth), Math.max(0, start - cellWidth)];
        const [back, up] = [Math.max(0, start - cellHeight), Math.min(start, cellHeight)];
        paths[ink] += `M${(left + right).toFixed(1)} ${(top + down).toFixed(1)}L${(left + back).toFixed(1)} ${(top + up).toFixed(1)}`;
      }
    });
    for (const [ink, path] of Object.entries(paths)) if (path) svg.append(Page.svg("path", { d: path, class: `hatch ${ink}` }));
  };

  const windowLine = (svg, grid, shape) => {
    if (!grid.inside) return;
    const x = LEFT + grid.inside * shape.cellWidth;
    svg.append(Page.svg("line", { x1: x, x2: x, y1: TOP - 4, y2: shape.bottom + GAP + MEAN, class: "window-line" }));
  };

  const texts = (svg, grid, shape, palette) => {
    const write = (score, { x, y, width, height }) => {
      const ink = Page.scale.isDark(palette, score) ? "light" : "dark";
      svg.append(Page.svg("text", { x: x + width / 2, y: y + height / 2 + 4, class: `middle cell-text ${ink}` }, Page.number(score)));
    };
    const rows = [...grid.depths.keys()].filter(() => shape.cellHeight >= NUMBER_HEIGHT);
    for (const column of shape.cellWidth >= NUMBER_WIDTH ? grid.lengths.keys() : []) {
      for (const row of [...rows, null]) {
        const score = scoreOf(grid, column, row);
        if (score !== null) write(score, boxOf(shape, column, row));
      }
    }
  };

  const rectangle = ({ x, y, width, height }) => `M${x.toFixed(2)} ${y.toFixed(2)}h${width.toFixed(2)}v${height.toFixed(2)}h${(-width).toFixed(2)}z`;
  const cross = ({ x, y, width, height }) => {
    const reach = Math.min(width, height, 14) / 4, middle = [x + width / 2, y + height / 2];
    const [left, top] = [middle[0] - reach, middle[1] - reach];
    return `M${left.toFixed(2)} ${top.toFixed(2)}l${2 * reach} ${2 * reach}m0 ${-2 * reach}l${-2 * reach} ${2 * reach}`;
  };

  /* All cells of one colour are one path: thousands of elements would take long to draw. */
  const cells = (svg, grid, shape, palette) => {
    const paths = new Map();
    let empty = "", crosses = "";
    for (const column of grid.lengths.keys()) {
      for (const row of [...grid.depths.keys(), null]) {
        const score = scoreOf(grid, column, row), box = boxOf(shape, column, row);
        if (score === null) {
          empty += rectangle(box);
          if (row !== null) crosses += cross(box);
        } else {
          const colour = Page.scale.colour(palette, score);
          paths.set(colour, (paths.get(colour) ?? "") + rectangle(box));
        }
      }
    }
    for (const [fill, d] of paths) svg.append(Page.svg("path", { class: "cells", fill, d }));
    if (empty) svg.append(Page.svg("path", { class: "cells empty", d: empty }), Page.svg("path", { class: "crosses", d: crosses }));
  };

  /* The cell at a point of the window; null beside all cells. */
  const cellAt = (svg, grid, shape, event) => {
    const frame = svg.getBoundingClientRect();
    const x = ((event.clientX - frame.left) * shape.width) / frame.width - LEFT;
    const y = ((event.clientY - frame.top) * shape.full) / frame.height;
    const column = Math.floor(x / shape.cellWidth), row = Math.floor((y - TOP) / shape.cellHeight);
    if (column < 0 || column >= grid.lengths.length || row < 0) return null;
    if (row < grid.depths.length) return { column, row };
    return y >= shape.bottom + GAP && y < shape.bottom + GAP + MEAN ? { column, row: null } : null;
  };

  const rowOf = (grid, row) => row ?? grid.depths.length; // the means stand below the last depth

  /*
  Hover, focus, arrow keys, click and Enter. Two rectangles take the focus in turn, each the cell that it lies on: so it
  is read out wherever it goes.
  */
  const listen = (svg, grid, shape) => {
    const model = Page.svg("rect", { class: "grid-cell", role: "gridcell", tabindex: -1 });
    const cursors = [model, model.cloneNode()];
    const hovered = Page.svg("rect", { class: "hovered", visibility: "hidden" });
    let current = { column: 0, row: 0 }, turn = 0;
    svg.append(Page.svg("g", { role: "row" }, cursors), hovered);
    const lay = (rect, { column, row }) => {
      for (const [name, value] of Object.entries(boxOf(shape, column, row))) rect.setAttribute(name, value);
    };
    const tell = (rect, { column, row }) => Page.tip.show(rect.getBoundingClientRect(), [...words(grid, column, row), Page.t("charts_open")]);
    const put = (cell) => {
      cursors[turn].setAttribute("tabindex", -1);
      turn = 1 - turn;
      current = cell;
      const cursor = cursors[turn];
      lay(cursor, cell);
      cursor.setAttribute("tabindex", 0);
      cursor.setAttribute("aria-label", words(grid, cell.column, cell.row).join(", "));
      cursor.setAttribute("aria-colindex", cell.column + 1);
      cursor.setAttribute("aria-rowindex", rowOf(grid, cell.row) + 1);
      return cursor;
    };
    const open = ({ column, row }) => Page.go(samplesOf(grid, column, row));
    const hide = () => { hovered.setAttribute("visibility", "hidden"); Page.tip.hide(); };
    put(current);
    svg.addEventListener("pointermove", (event) => {
      const cell = cellAt(svg, grid, shape, event);
      if (!cell) return hide();
      lay(hovered, cell);
      hovered.removeAttribute("visibility");
      return tell(hovered, cell);
    });
    svg.addEventListener("pointerleave", hide);
    svg.addEventListener("focusin", () => tell(cursors[turn], current));
    svg.addEventListener("focusout", Page.tip.hide);
    svg.addEventListener("click", (event) => {
      const cell = cellAt(svg, grid, shape, event);
      if (cell) open(cell);
    });
    svg.addEventListener("keydown", (event) => {
      const { column } = current, row = rowOf(grid, current.row), last = grid.lengths.length - 1, lowest = grid.depths.length;
      const moves = {
        ArrowRight: [Math.min(column + 1, last), row], ArrowLeft: [Math.max(column - 1, 0), row],
        ArrowDown: [column, Math.min(row + 1, lowest)], ArrowUp: [column, Math.max(row - 1, 0)],
        Home: [0, event.ctrlKey ? 0 : row], End: [last, event.ctrlKey ? lowest : row],
      };
      if (Object.hasOwn(moves, event.key)) {
        const [to, down] = moves[event.key];
        put({ column: to, row: down === lowest ? null : down }).focus();
      } else if (event.key === "Enter" || event.key === " ") open(current);
      else if (event.key === "Escape") return Page.tip.hide();
      else return undefined;
      event.preventDefault();
      return undefined;
    });
  };

  const drawGrid = (grid, palette, width, title) => {
    const columns = grid.lengths.length, rows = grid.depths.length;
    const height = Math.min(MOST_HEIGHT, Math.max(LEAST_HEIGHT, rows * ROW));
    const lines = Page.lines(grid.axis, width);
    const full = TOP + height + GAP + MEAN + LABELS + 13 * (lines.length - 1);
    const shape = { width, full, lines, cellWidth: (width - LEFT - RIGHT) / columns, cellHeight: height / rows, bottom: TOP + height };
    const svg = Page.svg("svg", {
      class: `heatmap${Math.max(columns, rows) > 15 ? " fine" : ""}`, width, height: full, viewBox: `0 0 ${width} ${full}`, role: "grid",
      "aria-colcount": columns, "aria-rowcount": rows + 1, "aria-label": Page.t("heatmaps_panel", { name: title, lengths: columns, depths: rows }),
    });
    cells(svg, grid, shape, palette);
    hatching(svg, grid, shape, palette);
    texts(svg, grid, shape, palette);
    axisLabels(svg, grid, shape);
    windowLine(svg, grid, shape);
    listen(svg, grid, shape);
    return svg;
  };

  const caption = (grid, title) => {
    const mean = grid.mean === null ? "" : Page.t("heatmaps_mean_of_columns", { mean: Page.number(grid.mean) });
    const said = [grid.partial ? Page.element("strong", {}, grid.partial) : null, mean].filter(Boolean);
    return Page.element("figcaption", {}, Page.element("b", {}, title),
      Page.element("span", { class: "note" }, said.flatMap((part, index) => (index ? [" · ", part] : [part]))));
  };

  /* Panels of one width, as many rows as are needed, about as many in each. */
  Page.heatmapPanels = (grids, palette, room, titleOf = (grid) => Page.data.runs[grid.run].name) => {
    const most = Math.max(1, Math.floor((room + BETWEEN) / (LEAST_PANEL + BETWEEN)));
    const across = Math.ceil(grids.length / Math.ceil(grids.length / most)); // four are two and two, not three and one
    const width = Math.min(680, Math.floor((room - (across - 1) * BETWEEN) / across));
    return Page.element("div", { class: "heat-panels" }, grids.map((grid) => {
      const title = titleOf(grid);
      return Page.element("figure", { class: "heat", style: { width: `${width}px` } }, caption(grid, title), drawGrid(grid, palette, width, title));
    }));
  };

  /* A list of palettes to choose from. */
  Page.paletteChooser = (palette, change) => {
    const palettes = Object.keys(Page.data.palettes).map((name) => [name, Page.t(`charts_palette_${name}`)]);
    return Page.chooser(Page.t("charts_palette"), [["", palettes]], palette, change);
  };
  Page.paletteNamed = (name) => (Object.hasOwn(Page.data.palettes, name ?? "") ? name : "published");

  let bars = 0;
  Page.colourBar = (palette) => {
    const width = 260, id = `colour-bar-${bars += 1}`; // a bar of a hidden section would hide all of its name
    const stops = Array.from({ length: 33 }, (_, index) =>
      Page.svg("stop", { offset: index / 32, "stop-color": Page.scale.colour(palette, (100 * index) / 32) }));
    const ticks = [0, 20, 40, 60, 80, 100].map((score) =>
      Page.svg("text", { x: 14 + (score / 100) * width, y: 26, class: "middle" }, score));
    return Page.svg("svg", { class: "colour-bar", width: width + 28, height: 30, viewBox: `0 0 ${width + 28} 30`, role: "img", "aria-label": Page.t("heatmaps_colour_bar") },
      Page.svg("defs", {}, Page.svg("linearGradient", { id }, stops)),
      Page.svg("rect", { x: 14, y: 2, width, height: 11, fill: `url(#${id})` }), ticks);
  };

  /* What the marks in these grids mean. */
  Page.heatmapKey = (grids) => {
    const counts = grids.flatMap((grid) => grid.n.filter(Boolean));
    const [least, most] = [Math.min(...counts), Math.max(...counts)];
    const gap = Math.max(...grids.flatMap((grid) => grid.gap));
    const windows = [...new Set(grids.filter((grid) => grid.inside).map((grid) => Page.count(grid.window)))];
    const areas = new Set(grids.map((grid) => JSON.stringify([grid.lengths, grid.depths])));
    const notes = [
      areas.size > 1 && Page.t("heatmaps_mixed"),
      new Set(grids.map((grid) => grid.axis)).size > 1 && Page.t("heatmaps_axes_differ"),
      counts.length && Page.t("heatmaps_key_cells", { n: least === most ? Page.count(least) : `${Page.count(least)}–${Page.count(most)}` }),
      grids.some((grid) => grid.cut.some(Boolean)) && Page.t("heatmaps_key_cut"),
      grids.some((grid) => grid.n.some((count) => !count)) && Page.t("heatmaps_key_empty"),
      windows.length && Page.t("heatmaps_key_window", { window: windows.join(", ") }),
      gap > 5 && Page.t("heatmaps_key_gap", { gap: Page.number(gap, 0) }),
    ].filter(Boolean);
    return Page.element("p", { class: "note" }, notes.join(" · "));
  };

  const state = { grid: "", palette: "published", runs: null };
  let draw = () => {};

  /* Benchmark → names and labels of its grids; groups stand first, as the most is in them. */
  const choices = (grids) => {
    const found = new Map();
    for (const grid of grids) {
      const title = Page.data.runs[grid.run].title;
      if (!found.has(title)) found.set(title, new Map());
      if (!found.get(title).has(Page.gridName(grid))) found.get(title).set(Page.gridName(grid), grid);
    }
    return [...found].map(([title, named]) => {
      const sorted = [...named].sort(([, left], [, right]) => (left.task ? 1 : 0) - (right.task ? 1 : 0));
      const overall = sorted.findIndex(([, grid]) => !grid.task && grid.name === "overall");
      if (overall > 0) sorted.unshift(...sorted.splice(overall, 1));
      return [title, sorted.map(([name, grid]) => [name, grid.label])];
    });
  };

  const read = (parameters, names) => {
    state.grid = names.includes(parameters.grid) ? parameters.grid : names[0];
    state.palette = Page.paletteNamed(parameters.palette);
    state.runs = parameters.runs === undefined ? null : new Set(parameters.runs.split(",").filter(Boolean).map(Number));
  };

  Page.section("heatmaps", (root, data) => {
    const groups = choices(data.grids);
    const names = groups.flatMap(([, options]) => options.map(([name]) => name));
    const drawn = root.querySelector(".drawn");
    const controls = drawn.appendChild(Page.element("div", { class: "chart-controls" }));
    const panels = drawn.appendChild(Page.element("div", {}));

    const paint = () => {
      const offered = data.grids.filter((grid) => Page.gridName(grid) === state.grid);
      const shown = offered.filter((grid) => state.runs === null || state.runs.has(grid.run));
      Page.clear(panels).append(...(shown.length
        ? [Page.colourBar(state.palette), Page.heatmapPanels(shown, state.palette, panels.clientWidth || 1000), Page.heatmapKey(shown)]
        : [Page.element("p", { class: "note" }, Page.t("charts_nothing"))]));
    };
    const remember = () => {
      const parameters = { grid: state.grid };
      if (state.palette !== "published") parameters.palette = state.palette;
      if (state.runs !== null) parameters.runs = [...state.runs].sort((left, right) => left - right).join(",");
      Page.remember("heatmaps", parameters);
    };
    const control = () => {
      const runs = [...new Set(data.grids.filter((grid) => Page.gridName(grid) === state.grid).map((grid) => grid.run))];
      const chosen = new Set(runs.filter((run) => state.runs === null || state.runs.has(run)));
      const change = (name, value) => { state[name] = value; paint(); remember(); };
      Page.clear(controls).append(
        Page.chooser(Page.t("heatmaps_grid"), groups.length > 1 ? groups : [["", groups[0][1]]], state.grid, (value) => {
          state.runs = null;
          change("grid", value);
          control();
          controls.querySelector("select").focus();
        }),
        Page.paletteChooser(state.palette, (value) => change("palette", value)),
        ...(runs.length > 1 ? [Page.runChooser(runs, chosen, () => change("runs", new Set(chosen)))] : []),
      );
    };
    draw = (parameters = {}) => { read(parameters, names); control(); paint(); };
    draw();
    Page.onWidth(panels, paint);
  });

  Page.onRoute("heatmaps", (rest, parameters) => { if (Object.keys(parameters).length) draw(parameters); });
})();
