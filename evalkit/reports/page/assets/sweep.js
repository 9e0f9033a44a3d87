"use strict";
/* Curves of the specs of a sweep and, where its runs are on the page, their needle grids, drawn from data.sweep. */
(() => {
  const MOST_WIDTH = 900, LEAST_BESIDE = 1080, BETWEEN = 28;

  const signed = (value) => `${value < 0 ? "−" : "+"}${Page.number(Math.abs(value))}`;
  const difference = (point, reference) => {
    if (point.difference === null) return [];
    const values = { reference, difference: signed(point.difference) };
    if (point.least === null) return [Page.t("sweep_difference", values)];
    return [Page.t("sweep_difference_interval", { ...values, least: signed(point.least), most: signed(point.most) })];
  };

  const seriesOf = (spec, mark, reference) => ({
    name: spec.name,
    mark,
    points: spec.points.map((point) => ({
      ...point,
      lines: [...Page.pointWords(point), ...difference(point, reference)],
      route: spec.run !== null && point.filter ? `samples?${new URLSearchParams({ run: spec.run, ...point.filter, scored: "1" })}` : null,
    })),
  });

  const legend = (series) => Page.element("p", { class: "series-legend" },
    series.map((each) => Page.element("span", { class: "run-box" }, Page.swatch(each.mark), each.name)));

  const chart = (benchmark, panel, sweep, room) => {
    const series = panel.specs.map((spec, mark) => seriesOf(benchmark.specs[spec], mark, sweep.reference));
    const title = Page.t("sweep_scores", { title: [benchmark.title, panel.title].filter(Boolean).join(" · ") });
    const isOpen = series.some((each) => each.points.some((point) => point.low === null));
    const key = [Page.t("sweep_key", { window: Page.count(sweep.window) }), isOpen && Page.t("sweep_key_open")];
    return Page.element("figure", { class: "curve" },
      Page.element("figcaption", {}, Page.element("b", {}, title), legend(series)),
      Page.curveChart({ series, unit: benchmark.unit, title, window: sweep.window }, Math.min(room, MOST_WIDTH)),
      Page.element("p", { class: "note" }, key.filter(Boolean).join(" · ")));
  };

  /* The grid that all specs of a benchmark have, the widest first: groups stand behind tasks in the data. */
  const grids = (benchmark, data) => {
    const runs = benchmark.specs.map((spec) => spec.run).filter((run) => run !== null);
    const of = (run) => (data.grids ?? []).filter((grid) => grid.run === run);
    if (!runs.length) return [];
    const common = of(runs[0]).map(Page.gridName).filter((name) => runs.every((run) => of(run).some((grid) => Page.gridName(grid) === name)));
    const chosen = common.find((name) => name.endsWith("/overall")) ?? common[0];
    return runs.map((run) => of(run).find((grid) => Page.gridName(grid) === chosen)).filter(Boolean);
  };

  let palette = "published";
  let draw = () => {};

  const map = (benchmark, data, room, change) => {
    const found = grids(benchmark, data);
    if (!found.length) return [];
    const names = new Map(benchmark.specs.map((spec) => [spec.run, spec.name]));
    return [
      Page.element("h3", {}, Page.t("sweep_grids", { title: benchmark.title })),
      Page.element("div", { class: "chart-controls" }, Page.paletteChooser(palette, change), Page.colourBar(palette)),
      Page.heatmapPanels(found, palette, room, (grid) => names.get(grid.run)),
      Page.heatmapKey(found),
    ];
  };

  Page.section("sweep", (root, data) => {
    const { sweep } = data;
    const place = root.querySelector(".drawn").appendChild(Page.element("div", {}));
    const hasRuns = sweep.benchmarks.some((each) => each.specs.some((spec) => spec.run !== null));
    const change = (value) => {
      palette = value;
      paint();
      Page.remember("sweep", palette === "published" ? {} : { palette });
      place.querySelector("select").focus();
    };
    const paint = () => {
      const room = place.clientWidth || 1000;
      const isBeside = room >= LEAST_BESIDE && sweep.benchmarks.some((benchmark) => benchmark.panels.length > 1);
      const width = isBeside ? Math.floor((room - BETWEEN) / 2) : room;
      Page.clear(place).append(...(hasRuns ? [] : [Page.element("p", { class: "note" }, Page.t("sweep_no_runs"))]),
        ...sweep.benchmarks.flatMap((benchmark) => [
          Page.element("div", { class: `curves${isBeside ? " beside" : ""}` }, benchmark.panels.map((panel) => chart(benchmark, panel, sweep, width))),
          ...map(benchmark, data, room, change),
        ]));
    };
    draw = (parameters) => { palette = Page.paletteNamed(parameters.palette); paint(); };
    paint();
    Page.onWidth(place, paint);
  });

  Page.onRoute("sweep", (rest, parameters) => { if (Object.keys(parameters).length && Page.data.palettes) draw(parameters); });
})();
