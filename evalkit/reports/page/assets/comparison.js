"use strict";
/*
What `evalkit compare` says of two runs, as the section `pairs` shows it above the samples.

  Page.pairSummary(pair, isSwapped, openTask)  nodes of a pair of data.pairs: overall, tasks, parts, in what the runs
                                               differ, near ties, notes; openTask(name) when a task is chosen
  Page.signed(value, digits)                   "+1.50", "−1.50", "0.00"
*/
(() => {
  const { element, svg, t } = Page;
  const WIDTH = 160; // of the bar of a difference

  /* A score, a task or a slice as the sides see it: exchanged, its sign turns. */
  const turned = (view, score) => {
    if (!score || !view.isSwapped) return score;
    const back = (value) => (value === null ? null : -value);
    const { left, right, difference, low, high, wins, losses } = score;
    return { ...score, left: right, right: left, difference: -difference, low: back(high), high: back(low),
      wins: losses, losses: wins };
  };

  const signed = (value, digits = 2) => {
    const text = Page.number(value, digits);
    if (Number(text) === 0) return Page.number(0, digits);
    return value < 0 ? text.replace("-", "−") : `+${text}`;
  };
  const shownP = (p) => (p === null || p === undefined ? "–" : p < 0.001 ? "<0.001" : Page.number(p, 3));
  const interval = (score) => {
    if (score.low !== null) return `${signed(score.low, 1)} – ${signed(score.high, 1)}`;
    return score.clusters !== undefined && score.clusters < 5 ? t("pairs_clusters", { n: score.clusters }) : "–";
  };

  /* The difference with its interval around zero, on one scale for the whole pair. */
  const bar = (score, [least, most]) => {
    const at = (value) => 5 + ((value - least) / (most - least)) * (WIDTH - 10);
    const { difference, low, high } = score;
    const isSure = low !== null && (low > 0 || high < 0);
    const kind = isSure ? (difference > 0 ? "left" : "right") : "unsure";
    const said = low === null ? t("pairs_bar_only", { difference: signed(difference) })
      : t("pairs_bar", { difference: signed(difference), low: signed(low), high: signed(high) });
    return svg("svg", { class: `pairs-bar ${kind}`, viewBox: `0 0 ${WIDTH} 16`, role: "img", "aria-label": said },
      svg("title", {}, said),
      svg("line", { class: "zero", x1: at(0), x2: at(0), y1: 0, y2: 16 }),
      low === null ? null : svg("rect", { x: at(low), y: 5, width: Math.max(at(high) - at(low), 1), height: 6, rx: 2 }),
      svg("circle", { cx: at(difference), cy: 8, r: 3.5 }));
  };

  const counts = (view, score) => {
    const { wins, losses, ties, n } = score;
    const said = t("pairs_counts_bar", { wins, losses, ties, left: view.names.left });
    const wide = (count) => (count / n) * 100;
    return element("span", { class: "pairs-counts" },
      svg("svg", { viewBox: "0 0 100 8", preserveAspectRatio: "none", role: "img", "aria-label": said },
        svg("title", {}, said),
        svg("rect", { class: "left", x: 0, y: 0, width: wide(wins), height: 8 }),
        svg("rect", { class: "right", x: wide(wins), y: 0, width: wide(losses), height: 8 }),
        svg("rect", { class: "tied", x: wide(wins + losses), y: 0, width: wide(ties), height: 8 })),
      element("span", {}, `${wins} / ${losses} / ${ties}`));
  };

  const cells = (view, score) => [
    element("td", { class: "number" }, Page.count(score.n)),
    element("td", { class: "number" }, Page.number(score.left)),
    element("td", { class: "number" }, Page.number(score.right)),
    element("td", { class: "number" }, signed(score.difference)),
    element("td", {}, bar(score, view.ends)),
    element("td", { class: "number" }, interval(score)),
    element("td", { class: "number" }, `${shownP(score.p)}${score.flagged ? "*" : ""}`),
  ];

  const headings = (view, first, last) => element("thead", {}, element("tr", {},
    first.map((name) => element("th", { scope: "col" }, name)),
    [t("pairs_n"), `◧ ${view.names.left}`, `◨ ${view.names.right}`, t("pairs_difference")].map((name, place) => (
      element("th", { scope: "col", class: `number${["", " left", " right", ""][place]}` }, name))),
    element("th", { scope: "col" }, element("span", { class: "unseen" }, t("pairs_interval"))),
    [t("pairs_interval"), t("pairs_p")].map((name) => element("th", { scope: "col", class: "number" }, name)),
    last.map((name) => element("th", { scope: "col" }, name))));

  const scrolled = (label, table) => element("div", { class: "pairs-scroll", role: "region", tabindex: 0,
    "aria-label": label }, table);

  const taskTable = (view) => {
    const { pair } = view;
    const isBinary = Object.values(pair.tasks).every((task) => task.mcnemar_p !== null);
    const extra = isBinary ? [t("pairs_mcnemar")] : [];
    const row = (title, score, kind) => element("tr", { class: kind },
      element("th", { scope: "row" }, title), cells(view, score),
      isBinary ? element("td", { class: "number" }, "mcnemar_p" in score ? shownP(score.mcnemar_p) : "") : null,
      element("td", {}, "wins" in score && score.wins !== undefined ? counts(view, score) : null));
    const toTask = (task) => (
      element("button", { type: "button", class: "pairs-link", onclick: () => view.openTask(task) }, task));
    return scrolled(t("pairs_by_task"), element("table", { class: "pairs-table" },
      element("caption", {}, t("pairs_by_task")),
      headings(view, [t("pairs_task")], [...extra, t("pairs_counts")]),
      element("tbody", {}, Object.entries(pair.tasks).map(([name, task]) => row(toTask(name), turned(view, task)))),
      element("tbody", { class: "means" }, pair.groups.map((group) => row(group.title, turned(view, group))),
        pair.overall ? row(t("pairs_overall"), turned(view, pair.overall), "overall") : null)));
  };

  const sliceTable = (view) => {
    const { pair } = view;
    if (!pair.slices.length) return null;
    const nameOfPart = ({ axis, name }) => (axis === "truncation" ? t(`pairs_prompt_${name}`) : name);
    let last = "";
    const rows = pair.slices.map((part) => {
      const axis = part.axis === last ? "" : t(`pairs_axis_${part.axis}`);
      last = part.axis;
      return element("tr", {}, element("td", {}, axis), element("th", { scope: "row" }, nameOfPart(part)),
        cells(view, turned(view, part)));
    });
    return scrolled(t("pairs_by_part"), element("table", { class: "pairs-table" },
      element("caption", {}, t("pairs_by_part")), headings(view, [t("pairs_kind"), t("pairs_part")], []),
      element("tbody", {}, rows)));
  };

  const differences = (view) => {
    const { pair } = view;
    if (!pair.differs_in.length) return null;
    const rows = pair.differs_in.map((each) => {
      const [left, right] = view.isSwapped ? [each.right, each.left] : [each.left, each.right];
      return element("tr", {}, element("th", { scope: "row" }, each.field), element("td", {}, left),
        element("td", {}, right));
    });
    return [
      scrolled(t("pairs_differs"), element("table", { class: "pairs-table" },
        element("caption", {}, t("pairs_differs")),
        element("thead", {}, element("tr", {}, [t("pairs_field"), view.names.left, view.names.right].map((name) => (
          element("th", { scope: "col" }, name))))),
        element("tbody", {}, rows))),
      pair.differs_in.length > 1
        ? element("p", { class: "pairs-warning" }, t("pairs_differs_many", { n: pair.differs_in.length })) : null,
    ];
  };

  const nearTies = ({ near_ties: near }) => (near === null ? null : element("p", {}, t("pairs_near_ties", {
    flips: Page.count(near.flips), near: Page.count(near.began_at_near_tie), threshold: near.threshold,
    same: Page.count(near.fragile_not_flipped) })));

  const headline = (view) => {
    const { pair } = view;
    const overall = turned(view, pair.overall ?? onlyTask(pair));
    const side = (name) => element("p", { class: `pairs-side ${name}` },
      element("span", { class: "pairs-mark" }, name === "left" ? "◧" : "◨"), view.names[name],
      element("span", { class: "note" }, Page.data.runs[view.runs[name]].model),
      overall ? element("strong", {}, Page.number(overall[name])) : null);
    const [alone, aloneThere] = view.isSwapped ? [pair.only_right, pair.only_left] : [pair.only_left, pair.only_right];
    const about = t("pairs_same_samples", { n: Page.count(pair.n) });
    const leftOut = t("pairs_left_out", { left: Page.count(alone), right: Page.count(aloneThere),
      left_name: view.names.left, right_name: view.names.right });
    return [
      element("div", { class: "pairs-headline" }, side("left"), side("right"),
        overall ? element("p", {}, t("pairs_difference"), element("strong", {}, signed(overall.difference)),
          element("span", { class: "note" }, ` ${t("pairs_interval")} ${interval(overall)}, p ${shownP(overall.p)}`))
          : null),
      element("p", { class: "note" }, alone || aloneThere ? `${about}; ${leftOut}` : about),
    ];
  };

  const onlyTask = (pair) => {
    const tasks = Object.values(pair.tasks);
    return tasks.length === 1 ? tasks[0] : null;
  };

  /* The least and the largest value that a bar of the pair shows, zero among them. */
  const range = (view) => {
    const { tasks, groups, slices, overall } = view.pair;
    const scores = [...Object.values(tasks), ...groups, ...slices, overall].map((score) => turned(view, score));
    const values = scores.filter(Boolean).flatMap((score) => (
      [score.low ?? score.difference, score.high ?? score.difference]));
    return [Math.min(-1, ...values), Math.max(1, ...values)];
  };

  Page.signed = signed;

  Page.pairSummary = (pair, isSwapped, openTask) => {
    const runs = isSwapped ? { left: pair.right, right: pair.left } : { left: pair.left, right: pair.right };
    const names = { left: Page.data.runs[runs.left].name, right: Page.data.runs[runs.right].name };
    const view = { pair, isSwapped, runs, names, openTask };
    view.ends = range(view);
    const kept = [...Object.values(pair.tasks), ...pair.groups, ...pair.slices].filter((each) => each.flagged).length;
    return [
      headline(view), taskTable(view), sliceTable(view),
      element("p", { class: "note" }, t("pairs_reading", names),
        pair.parts ? ` ${t("pairs_flags", { kept, parts: pair.parts })}` : null),
      differences(view), nearTies(pair),
      pair.notes.length ? element("details", {}, element("summary", {}, t("pairs_notes", { n: pair.notes.length })),
        element("ul", { class: "pairs-notes" }, pair.notes.map((note) => element("li", {}, note)))) : null,
    ].flat().filter(Boolean);
  };
})();
