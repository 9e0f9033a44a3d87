"use strict";
/*
The section `pairs`: two runs, by task and part, then sample by sample.

Its route says all that can be chosen: #pairs?pair=0&swap=1&task=trec&won=left&ties=1&q=words&sample=<id>. Every
number stands in data.pairs: comparison.js shows those of the tasks, sides.js what opens below a sample.

  Page.sidesOf(sample)  [{run, id, score, indices}, …] of a sample of Page.pairSamples, the side shown left first
*/
(() => {
  const { element, t } = Page;
  const PER_PAGE = 25;
  const PREVIEW = 240; // characters of an answer in the list
  const PATIENCE = 150; // milliseconds without a key before a search
  const NOTHING = { pair: 0, swap: false, task: "", won: "", ties: false, q: "", sample: "", page: 0 };

  let state = { ...NOTHING };
  let places = null;
  let drawn = null; // the pair that stands in the summary, as a text

  const runOf = (side) => {
    const pair = Page.data.pairs[state.pair];
    return (side === "left") === !state.swap ? pair.left : pair.right;
  };
  const nameOf = (side) => Page.data.runs[runOf(side)].name;

  const openTask = (task) => {
    change({ task, page: 0, sample: "" });
    places.samples.scrollIntoView({ block: "start" });
    places.task.focus({ preventScroll: true });
  };

  const drawSummary = () => {
    const pair = Page.data.pairs[state.pair];
    places.summary.replaceChildren(...Page.pairSummary(pair, state.swap, openTask));
    places.task.replaceChildren(element("option", { value: "" }, t("pairs_all_tasks")),
      ...Object.keys(pair.tasks).map((task) => element("option", { value: task }, task)));
    places.heads.replaceChildren(...[t("pairs_sample"), `◧ ${nameOf("left")}`, `◨ ${nameOf("right")}`, t("pairs_scores"),
      t("pairs_difference")].map((name) => element("span", {}, name)));
    places.won.replaceChildren(...[["", t("pairs_who_either")], ["left", nameOf("left")], ["right", nameOf("right")]]
      .map(([value, text]) => element("option", { value }, text)));
  };

  /* The samples that the filters leave, the largest differences first. */
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
    const plain = [sample.id, sample.rightId, ...texts.map(Page.plain)];
    return plain.some((text) => text.toLocaleLowerCase().includes(words));
  };

  Page.sidesOf = (sample) => {
    const pair = Page.data.pairs[state.pair];
    const sides = [
      { run: pair.left, id: sample.id, score: sample.left, indices: sample.draws.map(([at]) => at) },
      { run: pair.right, id: sample.rightId, score: sample.right, indices: sample.draws.map(([, at]) => at) },
    ];
    return state.swap ? sides.reverse() : sides;
  };

  const preview = (side, kind) => {
    const { answer } = Page.sample(side.run, side.indices[0]);
    const text = Page.plain(answer).slice(0, PREVIEW);
    const none = t(answer === null || answer === undefined ? "pairs_no_answer" : "pairs_empty");
    return element("span", { class: `pairs-preview ${kind}`, dir: "auto" },
      text ? Page.signs(text) : element("em", {}, none));
  };

  const listed = (sample, place, some) => {
    const [left, right] = Page.sidesOf(sample);
    const difference = left.score - right.score;
    const won = !Page.isFlip(sample) ? "tied" : difference > 0 ? "left" : "right";
    const isOpen = sample.id === state.sample;
    const button = element("button", { type: "button", class: "pairs-row", "aria-expanded": String(isOpen),
      "data-sample": sample.id, onclick: () => open(isOpen ? "" : sample.id, true) },
      element("span", { class: "pairs-id" }, Page.signs(sample.id.slice(sample.id.indexOf("/") + 1))),
      preview(left, "left"), preview(right, "right"),
      element("span", { class: "pairs-scores" }, `${Page.number(left.score)} · ${Page.number(right.score)}`),
      element("span", { class: `pairs-difference ${won}` },
        won === "tied" ? t("pairs_tied") : `${won === "left" ? "◧" : "◨"} ${Page.signed(difference)}`));
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
    const [held, n] = [all.length, pair.n].map(Page.count);
    places.count.textContent = t("pairs_shown", { shown: Page.count(found.length), all: held })
      + (all.length < pair.n ? ` ${t("pairs_held", { held, n })}` : "");
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

  /* Opens the sample after or before the one that is open, or that has the focus; the first of the page without one. */
  const step = (by) => {
    const from = state.sample || document.activeElement?.dataset.sample;
    const at = found.findIndex((sample) => sample.id === from);
    const next = found[at < 0 ? state.page * PER_PAGE : at + by];
    if (next) open(next.id, true);
  };

  const query = () => {
    const { pair, swap, task, won, ties, q, sample } = state;
    const said = { pair: String(pair), swap: swap && "1", task, won, ties: ties && "1", q, sample };
    return `pairs?${new URLSearchParams(Object.entries(said).filter(([, value]) => value))}`;
  };

  /* Draws what a change of the state touches, and says it in the address. */
  const change = (some) => {
    state = { ...state, ...some };
    history.replaceState(history.state, "", `#${query()}`);
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
    const name = (pair) => t("pairs_versus", {
      left: Page.data.runs[pair.left].name, right: Page.data.runs[pair.right].name });
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
      heads: element("div", { class: "pairs-heads", "aria-hidden": "true" }), list: element("ol", { class: "pairs-list" }), nothing: element("p", {}, t("pairs_nothing")) };
    const chooser = Page.data.pairs.length > 1 ? pairChooser() : null;
    const swap = element("button", { type: "button", onclick: swapSides }, t("pairs_swap"));
    const filter = filters();
    places.pages = pager();
    places.samples = element("div", { class: "pairs-samples" }, element("h3", {}, t("pairs_samples")), filter,
      element("div", { class: "pairs-count" }, places.count,
        element("p", { class: "note pairs-keys" }, t("pairs_keys"))),
      places.heads, places.list, places.nothing,
      places.pages);
    place.replaceChildren(element("div", { class: "pairs-chooser" }, chooser, swap), places.summary, places.samples);
    draw();
  });

  const key = (name, label, act) => Page.onKey(name, label, () => places && act(), "pairs");
  key("j", "pairs_key_next", () => step(1));
  key("k", "pairs_key_previous", () => step(-1));
  key("Escape", "pairs_key_close", () => state.sample && open("", true));
  key("/", "pairs_key_search", () => places.search.focus());

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
    if (state.sample) requestAnimationFrame(() => rowOf(state.sample)?.scrollIntoView()); // after the frame's own moves
  });
})();
