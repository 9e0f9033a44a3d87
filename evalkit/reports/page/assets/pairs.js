"use strict";
/*
The section `pairs`: two runs, by task and part, then sample by sample.

Its route says all that can be chosen: #pairs?pair=0&swap=1&task=trec&won=left&ties=1&q=words&sample=<id>. Every
number stands in data.pairs; swapping the sides turns its sign. What opens below a sample is drawn by sides.js.

  Page.sidesOf(sample)  [{run, id, score, indices}, …] of a sample of Page.pairSamples, the side shown left first
*/
(() => {
  const { element, svg, t } = Page;
  const PER_PAGE = 25;
  const PREVIEW = 240; // characters of an answer in the list
  const PATIENCE = 150; // milliseconds without a key before a search
  const WIDTH = 160;
  const NOTHING = { pair: 0, swap: false, task: "", won: "", ties: false, q: "", sample: "", page: 0 };

  let state = { ...NOTHING };
  let places = null;
  let drawn = null; // the pair that stands in the summary, as a text

  /* A score, a task or a slice as the chosen sides see it. */
  const turned = (score) => {
    if (!score || !state.swap) return score;
    const back = (value) => (value === null ? null : -value);
    const { left, right, difference, low, high, wins, losses } = score;
    return { ...score, left: right, right: left, difference: -difference, low: back(high), high: back(low),
      wins: losses, losses: wins };
  };

  const runOf = (side) => {
    const pair = Page.data.pairs[state.pair];
    return (side === "left") === !state.swap ? pair.left : pair.right;
  };
  const nameOf = (side) => Page.data.runs[runOf(side)].name;

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

  const counts = (score) => {
    const { wins, losses, ties, n } = score;
    const said = t("pairs_counts_bar", { wins, losses, ties, left: nameOf("left") });
    const wide = (count) => (count / n) * 100;
    return element("span", { class: "pairs-counts" },
      svg("svg", { viewBox: "0 0 100 8", preserveAspectRatio: "none", role: "img", "aria-label": said },
        svg("title", {}, said),
        svg("rect", { class: "left", x: 0, y: 0, width: wide(wins), height: 8 }),
        svg("rect", { class: "right", x: wide(wins), y: 0, width: wide(losses), height: 8 }),
        svg("rect", { class: "tied", x: wide(wins + losses), y: 0, width: wide(ties), height: 8 })),
      element("span", {}, `${wins} / ${losses} / ${ties}`));
  };

  const cells = (score, ends) => [
    element("td", { class: "number" }, Page.count(score.n)),
    element("td", { class: "number" }, Page.number(score.left)),
    element("td", { class: "number" }, Page.number(score.right)),
    element("td", { class: "number" }, signed(score.difference)),
    element("td", {}, bar(score, ends)),
    element("td", { class: "number" }, interval(score)),
    element("td", { class: "number" }, `${shownP(score.p)}${score.flagged ? "*" : ""}`),
  ];

  const headings = (first, last) => element("thead", {}, element("tr", {},
    first.map((name) => element("th", { scope: "col" }, name)),
    [t("pairs_n"), `◧ ${nameOf("left")}`, `◨ ${nameOf("right")}`, t("pairs_difference")].map((name, place) => (
      element("th", { scope: "col", class: `number${["", " left", " right", ""][place]}` }, name))),
    element("th", { scope: "col" }, element("span", { class: "unseen" }, t("pairs_interval"))),
    [t("pairs_interval"), t("pairs_p")].map((name) => element("th", { scope: "col", class: "number" }, name)),
    last.map((name) => element("th", { scope: "col" }, name))));

  const scrolled = (label, table) => element("div", { class: "pairs-scroll", role: "region", tabindex: 0,
    "aria-label": label }, table);

  const taskTable = (pair, ends) => {
    const isBinary = Object.values(pair.tasks).every((task) => task.mcnemar_p !== null);
    const extra = isBinary ? [t("pairs_mcnemar")] : [];
    const row = (title, score, kind) => element("tr", { class: kind },
      element("th", { scope: "row" }, title), cells(score, ends),
      isBinary ? element("td", { class: "number" }, "mcnemar_p" in score ? shownP(score.mcnemar_p) : "") : null,
      element("td", {}, "wins" in score && score.wins !== undefined ? counts(score) : null));
    const toTask = (task) => element("button", { type: "button", class: "pairs-link", onclick: () => {
      change({ task, page: 0, sample: "" });
      places.samples.scrollIntoView({ block: "start" });
      places.task.focus({ preventScroll: true });
    } }, task);
    return scrolled(t("pairs_by_task"), element("table", { class: "pairs-table" },
      element("caption", {}, t("pairs_by_task")),
      headings([t("pairs_task")], [...extra, t("pairs_counts")]),
      element("tbody", {}, Object.entries(pair.tasks).map(([name, task]) => row(toTask(name), turned(task)))),
      element("tbody", { class: "means" }, pair.groups.map((group) => row(group.title, turned(group))),
        pair.overall ? row(t("pairs_overall"), turned(pair.overall), "overall") : null)));
  };

  const sliceTable = (pair, ends) => {
    if (!pair.slices.length) return null;
    const nameOfPart = ({ axis, name }) => (axis === "truncation" ? t(`pairs_${name}`) : name);
    let last = "";
    const rows = pair.slices.map((part) => {
      const axis = part.axis === last ? "" : t(`pairs_axis_${part.axis}`);
      last = part.axis;
      return element("tr", {}, element("td", {}, axis), element("th", { scope: "row" }, nameOfPart(part)),
        cells(turned(part), ends));
    });
    return scrolled(t("pairs_by_part"), element("table", { class: "pairs-table" },
      element("caption", {}, t("pairs_by_part")), headings(["", t("pairs_part")], []), element("tbody", {}, rows)));
  };

  const differences = (pair) => {
    if (!pair.differs_in.length) return null;
    const rows = pair.differs_in.map((each) => {
      const [left, right] = state.swap ? [each.right, each.left] : [each.left, each.right];
      return element("tr", {}, element("th", { scope: "row" }, each.field), element("td", {}, left),
        element("td", {}, right));
    });
    return [
      scrolled(t("pairs_differs"), element("table", { class: "pairs-table" },
        element("caption", {}, t("pairs_differs")),
        element("thead", {}, element("tr", {}, [t("pairs_field"), nameOf("left"), nameOf("right")].map((name) => (
          element("th", { scope: "col" }, name))))),
        element("tbody", {}, rows))),
      pair.differs_in.length > 1
        ? element("p", { class: "pairs-warning" }, t("pairs_differs_many", { n: pair.differs_in.length })) : null,
    ];
  };

  const nearTies = ({ near_ties: near }) => (near === null ? null : element("p", {}, t("pairs_near_ties", {
    flips: Page.count(near.flips), near: Page.count(near.began_at_near_tie), threshold: near.threshold,
    same: Page.count(near.fragile_not_flipped) })));

  const headline = (pair) => {
    const overall = turned(pair.overall ?? onlyTask(pair));
    const side = (name) => element("p", { class: `pairs-side ${name}` },
      element("span", { class: "pairs-mark" }, name === "left" ? "◧" : "◨"), nameOf(name),
      element("span", { class: "note" }, Page.data.runs[runOf(name)].model),
      overall ? element("strong", {}, Page.number(overall[name])) : null);
    const [alone, aloneThere] = state.swap ? [pair.only_right, pair.only_left] : [pair.only_left, pair.only_right];
    const about = t("pairs_same_samples", { n: Page.count(pair.n) });
    const leftOut = t("pairs_left_out", { left: Page.count(alone), right: Page.count(aloneThere),
      left_name: nameOf("left"), right_name: nameOf("right") });
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
  const range = (pair) => {
    const scores = [...Object.values(pair.tasks), ...pair.groups, ...pair.slices, pair.overall].filter(Boolean);
    const values = scores.map(turned).flatMap(({ low, high, difference }) => [low ?? difference, high ?? difference]);
    return [Math.min(-1, ...values), Math.max(1, ...values)];
  };

  const drawSummary = () => {
    const pair = Page.data.pairs[state.pair];
    const ends = range(pair);
    const kept = [...Object.values(pair.tasks), ...pair.groups, ...pair.slices].filter((each) => each.flagged).length;
    places.summary.replaceChildren(...[
      headline(pair), taskTable(pair, ends), sliceTable(pair, ends),
      element("p", { class: "note" }, t("pairs_reading", { left: nameOf("left"), right: nameOf("right") }),
        pair.parts ? ` ${t("pairs_flags", { kept, parts: pair.parts })}` : null),
      differences(pair), nearTies(pair),
      pair.notes.length ? element("details", {}, element("summary", {}, t("pairs_notes", { n: pair.notes.length })),
        element("ul", { class: "pairs-notes" }, pair.notes.map((note) => element("li", {}, note)))) : null,
    ].flat().filter(Boolean));
    places.task.replaceChildren(element("option", { value: "" }, t("pairs_all_tasks")),
      ...Object.keys(pair.tasks).map((task) => element("option", { value: task }, task)));
    places.won.replaceChildren(...[["", t("pairs_who_either")], ["left", nameOf("left")], ["right", nameOf("right")]]
      .map(([value, text]) => element("option", { value }, text)));
  };

  /* The samples that the filters leave, as the chosen sides see them. */
  const chosen = () => {
    const words = state.q.trim().toLocaleLowerCase();
    const kept = Page.pairSamples(state.pair).filter((sample) => (
      (!state.task || sample.task === state.task) && (state.ties || Page.isFlip(sample)) && isWonBy(sample)
      && (!words || isAbout(sample, words))));
    return Page.byDifference(kept);
  };

  const isWonBy = (sample) => {
    if (!state.won) return true;
    return Page.isFlip(sample) && sample.difference > 0 === ((state.won === "left") === !state.swap);
  };

  const isAbout = (sample, words) => {
    const pair = Page.data.pairs[state.pair];
    const texts = sample.draws.flatMap(([left, right]) => [
      Page.data.samples[pair.left].answer?.[left], Page.data.samples[pair.right].answer?.[right]]);
    return [sample.id, sample.rightId, ...texts.map(Page.plain)].some((text) => text.toLocaleLowerCase().includes(words));
  };

  Page.sidesOf = (sample) => {
    const sides = [
      { run: Page.data.pairs[state.pair].left, id: sample.id, score: sample.left, indices: sample.draws.map(([at]) => at) },
      { run: Page.data.pairs[state.pair].right, id: sample.rightId, score: sample.right,
        indices: sample.draws.map(([, at]) => at) },
    ];
    return state.swap ? sides.reverse() : sides;
  };

  const preview = (side, kind) => {
    const { answer } = Page.sample(side.run, side.indices[0]);
    const text = Page.plain(answer).slice(0, PREVIEW);
    return element("span", { class: `pairs-preview ${kind}`, dir: "auto" },
      text || element("em", {}, t(answer === null || answer === undefined ? "pairs_no_answer" : "pairs_empty")));
  };

  const listed = (sample, place, some) => {
    const [left, right] = Page.sidesOf(sample);
    const difference = left.score - right.score;
    const won = !Page.isFlip(sample) ? "tied" : difference > 0 ? "left" : "right";
    const isOpen = sample.id === state.sample;
    const button = element("button", { type: "button", class: "pairs-row", "aria-expanded": String(isOpen),
      "data-sample": sample.id, onclick: () => open(isOpen ? "" : sample.id, true) },
      element("span", { class: "pairs-id" }, sample.id.slice(sample.id.indexOf("/") + 1)),
      preview(left, "left"), preview(right, "right"),
      element("span", { class: "pairs-scores" }, `${Page.number(left.score)} · ${Page.number(right.score)}`),
      element("span", { class: `pairs-difference ${won}` },
        `${{ left: "◧ ", right: "◨ ", tied: "" }[won]}${won === "tied" ? t("pairs_tied") : signed(difference)}`));
    const moves = { previous: place > 0 ? () => step(-1) : null, next: place + 1 < some ? () => step(1) : null,
      close: () => open("", true) };
    return element("li", {}, button, isOpen ? Page.sideBySide(sample, moves) : null);
  };

  let found = [];

  const drawList = () => {
    const pair = Page.data.pairs[state.pair];
    const all = Page.pairSamples(state.pair);
    found = chosen();
    const opened = found.findIndex((sample) => sample.id === state.sample);
    if (opened >= 0) state.page = Math.floor(opened / PER_PAGE);
    state.page = Math.min(state.page, Math.max(0, Math.ceil(found.length / PER_PAGE) - 1));
    const from = state.page * PER_PAGE;
    const shown = found.slice(from, from + PER_PAGE);
    const held = all.length < pair.n ? ` ${t("pairs_held", { held: Page.count(all.length), n: Page.count(pair.n) })}` : "";
    places.count.textContent = t("pairs_shown", { shown: Page.count(found.length), all: Page.count(all.length) }) + held;
    places.list.replaceChildren(...shown.map((sample, place) => listed(sample, from + place, found.length)));
    places.nothing.hidden = found.length > 0;
    places.pages.hidden = found.length <= PER_PAGE;
    places.range.textContent = t("pairs_page", { from: Page.count(from + 1), to: Page.count(from + shown.length),
      all: Page.count(found.length) });
    places.before.disabled = state.page === 0;
    places.after.disabled = from + PER_PAGE >= found.length;
  };

  const rowOf = (id) => [...places.list.querySelectorAll(".pairs-row")].find((row) => row.dataset.sample === id);

  /* Opens a sample in the list; with an empty id closes the one that is open. */
  const open = (id, hasFocus) => {
    const before = state.sample;
    change({ sample: id });
    const row = rowOf(id || before);
    if (!hasFocus || !row) return;
    row.focus({ preventScroll: true });
    row.parentElement.scrollIntoView({ block: "nearest" });
    row.scrollIntoView({ block: "nearest" });
  };

  const step = (by) => {
    const at = found.findIndex((sample) => sample.id === (state.sample || document.activeElement?.dataset?.sample));
    const next = found[at + by];
    if (next) open(next.id, true);
  };

  const onKey = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
    const moves = { j: () => step(1), k: () => step(-1), Escape: () => state.sample && open("", true) };
    if (!moves[event.key]) return;
    event.preventDefault();
    moves[event.key]();
  };

  const query = () => {
    const { pair, swap, task, won, ties, q, sample } = state;
    const said = { pair: String(pair), swap: swap && "1", task, won, ties: ties && "1", q, sample };
    return `pairs?${new URLSearchParams(Object.entries(said).filter(([, value]) => value))}`;
  };

  /* Draws what a change of the state touches, and says it in the address. */
  const change = (some) => {
    state = { ...state, ...some };
    history.replaceState(null, "", `#${query()}`);
    draw();
  };

  const draw = () => {
    const wanted = `${state.pair} ${state.swap}`;
    if (drawn !== wanted) drawSummary();
    drawn = wanted;
    if (places.pair) places.pair.value = String(state.pair);
    Object.assign(places.task, { value: state.task });
    Object.assign(places.won, { value: state.won });
    places.ties.checked = state.ties;
    if (document.activeElement !== places.search) places.search.value = state.q;
    drawList();
  };

  const pairChooser = () => {
    const name = (pair) => t("pairs_versus", { left: Page.data.runs[pair.left].name, right: Page.data.runs[pair.right].name });
    const titled = new Set(Page.data.pairs.map((pair) => Page.data.runs[pair.left].title)).size > 1;
    places.pair = element("select", { onchange: (event) => change({ ...NOTHING, pair: Number(event.target.value) }) },
      Page.data.pairs.map((pair, index) => element("option", { value: index },
        titled ? `${Page.data.runs[pair.left].title}: ${name(pair)}` : name(pair))));
    return element("label", {}, t("pairs_pair"), " ", places.pair);
  };

  const swapSides = () => change({ swap: !state.swap, won: { left: "right", right: "left" }[state.won] ?? "" });

  const filters = () => {
    let waiting = 0;
    const search = (event) => {
      clearTimeout(waiting);
      waiting = setTimeout(() => change({ q: event.target.value, page: 0, sample: "" }), PATIENCE);
    };
    places.task = element("select", { onchange: (event) => change({ task: event.target.value, page: 0, sample: "" }) });
    places.won = element("select", { onchange: (event) => change({ won: event.target.value, page: 0, sample: "" }) });
    places.ties = element("input", { type: "checkbox",
      onchange: (event) => change({ ties: event.target.checked, page: 0, sample: "" }) });
    places.search = element("input", { type: "search", placeholder: t("pairs_search"), oninput: search });
    const reset = () => {
      places.search.value = "";
      change({ task: "", won: "", ties: false, q: "", page: 0, sample: "" });
    };
    return element("div", { class: "pairs-filters" },
      element("label", {}, t("pairs_task"), " ", places.task),
      element("label", {}, t("pairs_who"), " ", places.won),
      element("label", {}, places.ties, " ", t("pairs_with_ties")),
      element("label", {}, element("span", { class: "unseen" }, t("pairs_search")), places.search),
      element("button", { type: "button", onclick: reset }, t("pairs_reset")));
  };

  const turnPage = (by) => {
    change({ page: state.page + by, sample: "" });
    places.samples.scrollIntoView({ block: "start" });
  };

  const pager = () => {
    places.before = element("button", { type: "button", onclick: () => turnPage(-1) }, t("pairs_previous_page"));
    places.after = element("button", { type: "button", onclick: () => turnPage(1) }, t("pairs_next_page"));
    places.range = element("span", {});
    return element("nav", { class: "pairs-pages", "aria-label": t("pairs_samples") }, places.before, places.range,
      places.after);
  };

  Page.section("pairs", (root) => {
    const place = root.querySelector(".drawn");
    if (!Page.data.pairs?.length) return;
    places = { summary: element("div", {}), count: element("p", { class: "note", role: "status" }),
      list: element("ol", { class: "pairs-list", onkeydown: onKey }), nothing: element("p", {}, t("pairs_nothing")) };
    const chooser = Page.data.pairs.length > 1 ? pairChooser() : null;
    const swap = element("button", { type: "button", onclick: swapSides }, t("pairs_swap"));
    const filter = filters();
    places.pages = pager();
    places.samples = element("div", { class: "pairs-samples" }, element("h3", {}, t("pairs_samples")), filter,
      element("div", { class: "pairs-count" }, places.count, element("p", { class: "note pairs-keys" }, t("pairs_keys"))),
      places.list, places.nothing,
      places.pages);
    place.replaceChildren(element("div", { class: "pairs-chooser" }, chooser, swap), places.summary, places.samples);
    draw();
  });

  Page.onRoute("pairs", (rest, asked) => {
    if (!places) return;
    const count = Page.data.pairs.length;
    const index = Number(asked.pair ?? 0);
    const pair = Number.isInteger(index) && index >= 0 && index < count ? index : 0;
    const task = asked.task in Page.data.pairs[pair].tasks ? asked.task : "";
    state = { pair, swap: asked.swap === "1", task, won: ["left", "right"].includes(asked.won) ? asked.won : "",
      ties: asked.ties === "1", q: asked.q ?? "", sample: asked.sample ?? "", page: 0 };
    draw();
    if (state.sample && !rowOf(state.sample)) { // a tie, or one that the filters leave out: it is what was asked for
      state = { ...state, task: "", won: "", ties: true, q: "" };
      draw();
    }
    if (state.sample) rowOf(state.sample)?.scrollIntoView({ block: "start" });
  });
})();
