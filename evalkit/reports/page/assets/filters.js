"use strict";
/*
What a query of the route `samples` asks for: "run=0&task=trec&most=49.9&cut=1&q=two words&sort=-score".

  Page.FILTERS                      the names that a query may have, in order
  Page.query(parameters)            the same query in one form: known names in order, empty ones left out
  Page.selected(run, parameters)    the indices of the samples that are asked for, sorted
  Page.facets(run)                  what can be told apart in a run: the values of each filter that separates anything
  Page.pairsOf(run)                 the pairs of the page that a run is in: [{pair, other}]
  Page.flippedWith(run, pair)       index → index in the pair's other run, of the samples that it scored otherwise
*/
(() => {
  const PLACES = ["length", "depth", "language", "needles"];
  const CLOSE = 1e-5; // share of a place by which two are the same: links round them to six digits
  const MANY = 40;
  Page.FILTERS = [
    "run",
    "task",
    ...PLACES,
    "tokens",
    "least",
    "most",
    "below",
    ...Object.keys(Page.FLAGS),
    "empty",
    "scored",
    "flipped",
    "q",
    "sort",
  ];

  Page.query = (parameters) => {
    const found = new URLSearchParams();
    for (const name of Page.FILTERS) {
      const value = parameters[name];
      if (value !== undefined && value !== "" && !(name === "run" && value === "0")) found.set(name, value);
    }
    return found.toString();
  };

  const column = (run, name) => Page.data.samples[run][name];

  /* Pairs of runs */

  Page.pairsOf = (run) => {
    const found = [];
    (Page.data.pairs ?? []).forEach(({ left, right }, pair) => {
      if ((left === run || right === run) && Page.sampleCount(left) && Page.sampleCount(right)) {
        found.push({ pair, other: left === run ? right : left });
      }
    });
    return found;
  };

  const flipped = new Map();
  Page.flippedWith = (run, pair) => {
    const name = `${run}/${pair}`;
    if (!flipped.has(name)) {
      const isLeft = Page.data.pairs[pair].left === run;
      flipped.set(name, new Map(Page.flips(pair).map(([left, right]) => (isLeft ? [left, right] : [right, left]))));
    }
    return flipped.get(name);
  };

  /* Search */

  const SEARCHED = ["answer", "head", "tail", "reasoning", "seen", "error"];
  const searched = new Map();
  const searchable = (run, index) => {
    if (!searched.has(run)) searched.set(run, []);
    const known = searched.get(run);
    if (known[index] === undefined) {
      const several = ["targets", "steps"].flatMap((name) => column(run, name)?.[index] ?? []);
      const texts = [Page.identity(run, index).id, ...several.map(Page.plain)];
      for (const name of SEARCHED) texts.push(Page.plain(column(run, name)?.[index]));
      known[index] = texts.join("\n").toLowerCase();
    }
    return known[index];
  };

  /* Makes texts ready to be searched while the browser has nothing else to do. */
  Page.prepareSearch = (run, from = 0) => {
    const end = Math.min(Page.sampleCount(run), from + 500);
    for (let index = from; index < end; index += 1) searchable(run, index);
    if (end < Page.sampleCount(run)) setTimeout(() => Page.prepareSearch(run, end), 15);
  };

  /* Tests: each takes the value of its parameter and gives index → boolean */

  const isValue = (value, wanted) =>
    value !== null &&
    value !== undefined &&
    (String(value) === wanted || Math.abs(value - Number(wanted)) <= CLOSE * Math.abs(value));

  /* "4000-8000", "4000-" and "-8000", both ends included; null for all else. */
  const range = (text) => {
    const found = /^(\d+(?:\.\d+)?)?-(\d+(?:\.\d+)?)?$/.exec(text);
    return found && [Number(found[1] ?? 0), Number(found[2] ?? Infinity)];
  };

  const isWithin = (text) => {
    const ends = range(text);
    return (value) => ends !== null && value !== null && value !== undefined && value >= ends[0] && value <= ends[1];
  };

  /* The tasks that a name stands for: a task's own, or a group's. */
  const tasksOf = (run, name) => {
    const { tasks, groups } = Page.data.runs[run];
    return tasks.includes(name) || !Object.hasOwn(groups, name) ? [name] : groups[name];
  };

  const inTask = (run, wanted) => {
    const { tasks } = Page.data.runs[run];
    const places = new Set(tasksOf(run, wanted).map((task) => tasks.indexOf(task)));
    const values = column(run, "task");
    return (index) => places.has(values[index]);
  };

  const tokensSent = (run) => column(run, "after") ?? column(run, "before");

  /* A prompt of several needles stands at the depth of each. */
  const place = (name) => (run, wanted) => {
    const values = column(run, name);
    const several = name === "depth" ? column(run, "depths") : undefined;
    const fits = range(wanted) ? isWithin(wanted) : (value) => isValue(value, wanted);
    return (index) => fits(values?.[index]) || Boolean(several?.[index]?.some(fits));
  };

  const score = (holds) => (run, text) => {
    const values = column(run, "score");
    const bound = Number(text);
    return (index) => (values?.[index] ?? null) !== null && holds(values[index], bound);
  };

  const flag = (bit) => (run, wanted) => {
    const values = column(run, "flags");
    return (index) => (((values?.[index] ?? 0) & bit) !== 0) === (wanted === "1");
  };

  const whether = (holds) => (run, wanted) => (index) => holds(run, index) === (wanted === "1");
  const isScored = (run, index) => (column(run, "score")?.[index] ?? null) !== null;
  const isEmpty = (run, index) => isScored(run, index) && Page.plain(column(run, "answer")?.[index]).trim() === "";

  const flippedIn = (run, text) => {
    const pair = Page.pairsOf(run).find((each) => String(each.pair) === text);
    return (index) => pair !== undefined && Page.flippedWith(run, pair.pair).has(index);
  };

  const search = (run, text) => {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    return (index) => words.every((word) => searchable(run, index).includes(word));
  };

  const TESTS = {
    task: inTask,
    ...Object.fromEntries(PLACES.map((name) => [name, place(name)])),
    tokens: (run, text) => {
      const [values, fits] = [tokensSent(run), isWithin(text)];
      return (index) => fits(values?.[index]);
    },
    least: score((value, bound) => value >= bound - 1e-9),
    most: score((value, bound) => value <= bound + 1e-9),
    below: score((value, bound) => value < bound - 1e-9),
    ...Object.fromEntries(Object.entries(Page.FLAGS).map(([name, bit]) => [name, flag(bit)])),
    empty: whether(isEmpty),
    scored: whether(isScored),
    flipped: flippedIn,
    q: search, // last: the slowest
  };

  /* Sorting */

  const SORTED = {
    id: (run, index) => Page.identity(run, index).id.replace(/\d+/g, (digits) => digits.padStart(12, "0")),
    score: (run, index) => column(run, "score")?.[index],
    length: (run, index) => column(run, "length")?.[index],
    depth: (run, index) => column(run, "depth")?.[index],
    flags: (run, index) => Object.values(Page.FLAGS).filter((bit) => (column(run, "flags")?.[index] ?? 0) & bit).length,
    answer: (run, index) => start(column(run, "answer")?.[index]),
    gold: (run, index) => start(column(run, "targets")?.[index]?.[0]),
  };
  const start = (text) =>
    text === null || text === undefined ? null : Page.plain(text).slice(0, 100).trim().toLowerCase();

  const sorted = (run, indices, order) => {
    const isDown = order.startsWith("-");
    const name = order.replace(/^-/, "");
    if (!Object.hasOwn(SORTED, name)) return indices;
    const valueOf = SORTED[name];
    const values = new Map(indices.map((index) => [index, valueOf(run, index) ?? null]));
    return indices.sort((one, other) => {
      const [left, right] = [values.get(one), values.get(other)];
      if (left === right) return one - other;
      if (left === null || right === null) return left === null ? 1 : -1; // without a value: last, whatever the order
      return (left < right ? -1 : 1) * (isDown ? -1 : 1);
    });
  };

  Page.selected = (run, parameters) => {
    const tests = Object.entries(TESTS)
      .filter(([name]) => (parameters[name] ?? "") !== "")
      .map(([name, test]) => test(run, parameters[name]));
    const found = [];
    for (let index = 0; index < Page.sampleCount(run); index += 1) {
      if (tests.every((test) => test(index))) found.push(index);
    }
    return sorted(run, found, parameters.sort ?? "");
  };

  /* What a run's samples differ in */

  const distinct = (values) => [...new Set(values ?? [])].filter((value) => value !== null && value !== undefined);
  const ascending = (one, other) =>
    typeof one === "number" && typeof other === "number" ? one - other : one < other ? -1 : 1;

  const ends = (values) => {
    const known = (values ?? []).filter((value) => value !== null);
    const found = known.reduce(
      ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
      [Infinity, -Infinity],
    );
    return found[0] < found[1] ? found : null;
  };

  const splits = (values, holds) => (values ?? []).some(holds) && !(values ?? []).every(holds);

  const placesOf = (run) => {
    const found = { places: {}, ranges: {} };
    for (const name of PLACES) {
      const several = name === "depth" ? (column(run, "depths") ?? []).flat() : [];
      const values = distinct([...(column(run, name) ?? []), ...several]).sort(ascending);
      const isSplit =
        values.length > 1 || (values.length === 1 && splits(column(run, name), (value) => value === null));
      if (!isSplit) continue;
      const isRange = values.length > MANY && values.every((value) => typeof value === "number");
      if (isRange) found.ranges[name] = [values[0], values.at(-1)];
      else found.places[name] = values;
    }
    if (ends(tokensSent(run))) found.ranges.tokens = ends(tokensSent(run));
    return found;
  };

  const tasksIn = (run) => {
    const about = Page.data.runs[run];
    const tasks = distinct(column(run, "task")).map((place) => about.tasks[place]);
    const count = (group) => tasks.filter((task) => about.groups[group].includes(task)).length;
    const groups = Object.keys(about.groups).filter(
      (group) => !about.tasks.includes(group) && count(group) > 1 && count(group) < tasks.length,
    );
    return tasks.length > 1 ? { tasks, groups } : { tasks: [], groups: [] };
  };

  const scoresOf = (run) => {
    const scores = column(run, "score") ?? [];
    if (!ends(scores)) return null;
    const isWrong = (score) => score !== null && score < 50 - 1e-9;
    const isRight = (score) => score !== null && score >= 100 - 1e-9;
    return { isWrongSplit: splits(scores, isWrong), isRightSplit: splits(scores, isRight) };
  };

  Page.facets = (run) => {
    const count = Page.sampleCount(run);
    const isSome = (part) => part > 0 && part < count;
    const flags = Object.entries(Page.FLAGS).map(([name, bit]) => ({
      name,
      count: (column(run, "flags") ?? []).filter((value) => value & bit).length,
    }));
    return {
      ...tasksIn(run),
      ...placesOf(run),
      flags: flags.filter((flag) => isSome(flag.count)),
      flips: Page.pairsOf(run).filter(({ pair }) => isSome(Page.flippedWith(run, pair).size)),
      score: scoresOf(run),
    };
  };
})();
