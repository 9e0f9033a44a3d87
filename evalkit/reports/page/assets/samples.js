"use strict";
/*
The list of a run's samples. Its rows are as high as one another, and only those in sight are in the document. All that
it shows follows from the query of its route, so that links, back and forward lead to the same list.

  Page.listed(run, query)       the samples of a list, in its order
  Page.keepCursor(query, index) which sample the list of a query is to come back to
  Page.moveInList(by)           gives the focus to another row
  Page.focusSearch(query)       goes to a list with the search ready to be typed in
  Page.flagWords(sample)        the flags of a sample as small words
  Page.scoreBar(score)          a score as a number and a thin bar
*/
(() => {
  const { element, t } = Page;
  const AROUND = 6;
  const view = { root: null, run: -1, query: null, parameters: {}, indices: [], cursor: -1 };
  const places = new Map(); // query → where its list was left
  const lists = new Map(); // the last few lists
  let parts = {};

  Page.listed = (run, query) => {
    const name = `${run}?${query}`;
    if (!lists.has(name)) {
      if (lists.size > 7) lists.delete(lists.keys().next().value);
      lists.set(name, Page.selected(run, Object.fromEntries(new URLSearchParams(query))));
    }
    return lists.get(name);
  };

  Page.keepCursor = (query, index) => places.set(query, { ...places.get(query), index });

  const listRoute = (parameters) => {
    const query = Page.query(parameters);
    return query ? `samples?${query}` : "samples";
  };

  /* Words for scores and flags */

  Page.scoreBar = (score) => [
    element("span", { class: "number" }, Page.number(score)),
    score === null || score === undefined
      ? null
      : element(
          "span",
          { class: "thin-bar", "aria-hidden": "true" },
          element("span", { style: { width: `${score}%` } }),
        ),
  ];

  const GRAVE = new Set(["failed", "lost", "starved"]);
  const flagWord = (name) =>
    element("span", { class: `flag${GRAVE.has(name) ? " grave" : ""}` }, t(`samples_flag_${name}`));
  Page.flagNames = (sample) => [
    ...Object.keys(Page.FLAGS).filter((name) => (sample.flags ?? 0) & Page.FLAGS[name]),
    ...(Page.pairsOf(sample.run).some(({ pair }) => Page.flippedWith(sample.run, pair).has(sample.index))
      ? ["flipped"]
      : []),
  ];
  Page.flagWords = (sample) => Page.flagNames(sample).map(flagWord);

  /* Rows */

  const hasColumn = (name) =>
    (Page.data.samples[view.run][name] ?? []).some((value) => value !== null && value !== undefined);
  const COLUMNS = [
    { name: "id", width: "minmax(140px, 1.5fr)" },
    { name: "score", width: "104px" },
    { name: "length", width: "72px", has: () => hasColumn("length") },
    { name: "depth", width: "62px", has: () => hasColumn("depth") },
    {
      name: "flags",
      width: "minmax(90px, 1fr)",
      has: () => Page.pairsOf(view.run).length || (Page.data.samples[view.run].flags ?? []).some(Boolean),
    },
    { name: "answer", width: "minmax(120px, 2fr)" },
    {
      name: "gold",
      width: "minmax(90px, 1.3fr)",
      has: () => (Page.data.samples[view.run].targets ?? []).some((each) => each?.length),
    },
  ];

  /* The start gives way where there is no room: samples of a task differ at the end of their names. */
  const idParts = (name) => {
    const end = Math.max(name.length - 12, Math.ceil(name.length / 2));
    return [
      element("span", { class: "start" }, Page.signs(name.slice(0, end))),
      element("span", {}, Page.signs(name.slice(end))),
    ];
  };

  const CELLS = {
    id: (sample) => {
      const name = `${sample.taskName}/${sample.key}`;
      const suffix = view.query ? `?${view.query}` : "";
      return [
        element(
          "a",
          { href: `#${Page.sampleRoute(sample.run, sample.id, sample.draw)}${suffix}`, title: sample.id },
          idParts(name),
        ),
        sample.draw ? element("span", { class: "note" }, ` ${t("samples_draw", { draw: sample.draw })}`) : null,
      ];
    },
    score: (sample) => Page.scoreBar(sample.score),
    length: (sample) => Page.shownValue(sample.length),
    depth: (sample) => Page.shownValue(sample.depth),
    flags: (sample) => Page.flagWords(sample),
    answer: (sample) =>
      sample.answer === null || sample.answer === undefined || sample.answer === ""
        ? element("span", { class: "note" }, t(sample.error ? "samples_no_answer" : "samples_empty_answer"))
        : Page.excerpt(sample.answer),
    gold: (sample) =>
      (sample.targets ?? []).slice(0, 3).map((target, at) => [at ? " · " : null, Page.excerpt(target, 120)]),
  };

  const rowHeight = () => parseFloat(getComputedStyle(parts.rows).getPropertyValue("--row")) || 36;

  const drawRow = (position, height) => {
    const sample = Page.sample(view.run, view.indices[position]);
    const cells = parts.columns.map(({ name }) =>
      element(
        "div",
        { class: `sample-cell ${name}`, role: "cell", dir: name === "answer" || name === "gold" ? "auto" : null },
        CELLS[name](sample),
      ),
    );
    const row = element("div", { class: "row", role: "row", "aria-rowindex": position + 2 }, cells);
    row.style.transform = `translateY(${position * height}px)`;
    return row;
  };

  /* Puts the rows in sight into the document, and takes the others out; the row that has the focus stays. */
  const drawRows = () => {
    if (!parts.rows || view.root.hidden) return;
    const height = rowHeight();
    parts.rows.style.height = `${view.indices.length * height}px`;
    const from = Math.max(0, Math.floor(parts.scroller.scrollTop / height) - AROUND);
    const to = Math.min(
      view.indices.length,
      Math.ceil((parts.scroller.scrollTop + parts.scroller.clientHeight) / height) + AROUND,
    );
    const isWanted = (position) =>
      (position >= from && position < to) || (position === view.cursor && position < view.indices.length);
    for (const [position, row] of parts.drawn) {
      if (isWanted(position) && parts.height === height) continue;
      row.remove();
      parts.drawn.delete(position);
    }
    parts.height = height;
    for (const position of new Set(
      [...Array(Math.max(0, to - from)).keys()].map((at) => at + from).concat(view.cursor),
    )) {
      if (position < 0 || !isWanted(position) || parts.drawn.has(position)) continue;
      const row = drawRow(position, height);
      const next = [...parts.drawn.keys()].filter((other) => other > position).sort((one, other) => one - other)[0];
      parts.rows.insertBefore(row, next === undefined ? null : parts.drawn.get(next)); // in order, for tabs and readers
      parts.drawn.set(position, row);
    }
  };

  const scrollTo = (position) => {
    const height = rowHeight();
    const head = parts.heads.offsetHeight;
    const [top, bottom] = [position * height, (position + 1) * height];
    const { scrollTop, clientHeight } = parts.scroller;
    if (top < scrollTop) parts.scroller.scrollTop = top;
    else if (bottom > scrollTop + clientHeight - head) parts.scroller.scrollTop = bottom - clientHeight + head;
  };

  const focusRow = (position) => {
    if (!view.indices.length) return;
    view.cursor = Math.max(0, Math.min(view.indices.length - 1, position));
    scrollTo(view.cursor);
    drawRows();
    parts.drawn.get(view.cursor).querySelector("a").focus({ preventScroll: true });
  };

  /* Headings */

  const turn = (name) => {
    const now = view.parameters.sort ?? "";
    return now === name ? `-${name}` : now === `-${name}` ? "" : name;
  };

  const heading = (name) => {
    const sort = view.parameters.sort ?? "";
    const order = sort === name ? "ascending" : sort === `-${name}` ? "descending" : "none";
    const button = element(
      "button",
      { type: "button", "data-sort": name, onclick: () => change({ sort: turn(name) }) },
      t(`samples_column_${name}`),
      element(
        "span",
        { class: "order", "aria-hidden": "true" },
        { ascending: " ▲", descending: " ▼", none: "" }[order],
      ),
    );
    return element("div", { class: `sample-cell ${name}`, role: "columnheader", "aria-sort": order }, button);
  };

  const drawTable = () => {
    const held = parts.heads?.contains(document.activeElement) ? document.activeElement.dataset.sort : null;
    parts.columns = COLUMNS.filter(({ has }) => !has || has());
    parts.heads = element(
      "div",
      { class: "heads", role: "row", "aria-rowindex": 1 },
      parts.columns.map(({ name }) => heading(name)),
    );
    parts.rows = element("div", { class: "rows", role: "rowgroup" });
    parts.drawn = new Map();
    parts.scroller = element(
      "div",
      {
        class: "scroller",
        role: "table",
        tabindex: 0,
        "aria-label": t("samples_list"),
        "aria-rowcount": view.indices.length + 1,
      },
      element("div", { role: "rowgroup", class: "top" }, parts.heads),
      parts.rows,
    );
    parts.scroller.style.setProperty("--columns", parts.columns.map(({ width }) => width).join(" "));
    parts.scroller.addEventListener("scroll", drawRows, { passive: true });
    parts.scroller.addEventListener("keydown", onListKey);
    parts.rows.addEventListener("focusin", ({ target }) => {
      view.cursor = [...parts.drawn].find(([, row]) => row.contains(target))?.[0] ?? view.cursor;
    });
    parts.resized?.disconnect();
    parts.resized = new ResizeObserver(drawRows);
    parts.resized.observe(parts.scroller);
    Page.clear(parts.table).append(view.indices.length ? parts.scroller : nothing());
    parts.rows.style.height = `${view.indices.length * rowHeight()}px`;
    if (held) parts.heads.querySelector(`[data-sort="${held}"]`)?.focus();
  };

  const nothing = () => element("div", { class: "nothing" }, element("p", {}, t("samples_nothing")), resetButton());

  /* What is asked for */

  const change = (changed, { isTyped = false } = {}) => {
    const route = listRoute({ ...view.parameters, run: String(view.run), ...changed });
    if (isTyped && view.parameters.q)
      location.replace(`#${route}`); // one step of the history for all that is typed
    else Page.go(route);
  };

  const resetButton = () =>
    element(
      "button",
      {
        type: "button",
        class: "reset",
        onclick: () => Page.go(listRoute({ run: String(view.run), sort: view.parameters.sort })),
      },
      t("samples_reset"),
    );

  /* Keys */

  const onListKey = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(parts.scroller.clientHeight / rowHeight()) - 2);
    const steps = {
      ArrowDown: 1,
      j: 1,
      ArrowUp: -1,
      k: -1,
      PageDown: page,
      PageUp: -page,
      Home: -Infinity,
      End: Infinity,
    };
    if (!(event.key in steps)) return;
    event.preventDefault();
    Page.moveInList(steps[event.key]);
  };
  const firstInSight = () => Math.ceil(parts.scroller.scrollTop / rowHeight());

  Page.focusSearch = (query) => {
    view.isSearchWanted = true;
    if (view.root.hidden) Page.go(query ? `samples?${query}` : "samples");
    else if (parts.filters) takeFocus();
  };

  Page.moveInList = (by) => {
    if (view.indices.length && parts.rows) focusRow(view.cursor < 0 ? firstInSight() : view.cursor + by);
  };

  const takeFocus = () => {
    view.isSearchWanted = false;
    parts.filters.search.focus();
    parts.filters.search.select();
  };

  /* The whole */

  const firstRun = () => Page.data.runs.findIndex((_, run) => Page.sampleCount(run));

  const say = (text, ...more) => {
    parts = {};
    view.run = -1;
    view.query = null;
    Page.clear(view.root).append(element("p", { class: "nothing" }, text, more));
  };

  const leave = () => {
    if (view.query === null || !parts.scroller) return;
    places.set(view.query, { ...places.get(view.query), top: parts.scroller.scrollTop });
  };

  /* The list as it was left; after a look at a sample, with that sample's row in sight and focused. */
  const comeBack = (query, isFromDetail) => {
    const place = places.get(query);
    parts.scroller.scrollTop = place?.top ?? 0;
    const position = isFromDetail ? view.indices.indexOf(place?.index) : -1;
    if (view.isSearchWanted) takeFocus();
    else if (position >= 0) focusRow(position);
    drawRows();
  };

  const show = (parameters) => {
    const first = firstRun();
    if (first < 0) return say(t("samples_none", { folders: Page.data.runs.map(({ folder }) => folder).join(", ") }));
    const run = parameters.run === undefined || parameters.run === "" ? Math.max(0, first) : Number(parameters.run);
    if (!Page.sampleCount(run)) {
      return say(
        Page.data.runs[run] ? t("samples_none", { folders: Page.data.runs[run].folder }) : t("samples_no_run"),
        " ",
        element("a", { href: `#samples?run=${first}` }, t("samples_back")),
      );
    }
    const query = Page.query({ ...parameters, run: String(run) });
    const isFromDetail = view.isDetail;
    if (!isFromDetail) leave();
    view.isDetail = false;
    const isOther = view.run !== run || !parts.table;
    Object.assign(view, { run, query, parameters, cursor: -1, indices: Page.listed(run, query) });
    if (isOther) {
      parts.resized?.disconnect();
      parts = { table: element("div", { class: "table" }), filters: Page.sampleFilters(run, change, resetButton) };
      Page.clear(view.root).append(...parts.filters.nodes, parts.table);
    }
    drawTable();
    parts.filters.show(parameters, view.indices.length);
    return comeBack(query, isFromDetail);
  };

  Page.isListShown = (query) =>
    view.root !== null && !view.root.hidden && !view.root.closest("section").hidden && view.query === query;

  /* One of the two is to be seen: the list, or a sample. */
  Page.showDetail = (isDetail) => {
    if (isDetail && !view.root.hidden) leave();
    view.isDetail ||= isDetail;
    view.root.hidden = isDetail;
    view.root.parentElement.querySelector(".detail").hidden = !isDetail;
  };

  Page.section("samples", (root) => {
    view.root = root.querySelector(".list");
    if (!/^#samples?\b/.test(location.hash)) show({});
    window.addEventListener("resize", drawRows);
  });

  Page.onRoute("samples", (rest, parameters) => {
    Page.showDetail(false);
    show(parameters);
  });
})();
