"use strict";
/*
The controls of the list of samples: a field for each filter that tells samples apart.

  Page.sampleFilters(run, ask, reset)   {nodes, search, show(parameters, count)} of one run: ask({cut: "1"}, {isTyped})
                                        is called for what a reader changes, reset() makes the button that takes all
                                        filters away; show puts what is asked for into the controls
  Page.shownValue(value)                a number or word of a sample for people
*/
(() => {
  const { element, t } = Page;
  const WAIT = 180; // milliseconds without a key before what was typed is searched

  Page.shownValue = (value) => {
    if (value === null || value === undefined) return "";
    return typeof value === "number" ? Page.count(value) : value;
  };

  Page.sampleFilters = (run, ask, reset) => {
    const controls = {}; // name → what puts a parameter into its control
    let asked = {};
    let pending = null;

    const labelled = (name, label, ...inputs) =>
      element("label", { class: `field ${name}` }, element("span", {}, label), inputs);

    const option = (value, text = value) => element("option", { value }, text);
    const selectOf = (name, options) => {
      const select = element(
        "select",
        { name, onchange: () => ask({ [name]: select.value }) },
        option("", t("samples_any")),
        options,
      );
      controls[name] = (wanted = "") => {
        if (![...select.options].some((each) => each.value === wanted)) select.append(option(wanted));
        select.value = wanted;
      };
      return select;
    };

    const numberInput = (label, placeholder, onchange) =>
      element("input", { type: "number", step: "any", min: 0, "aria-label": label, placeholder, onchange });

    /* What an address asks for, which may be anything; a field takes numbers only, and complains of others. */
    const fillNumber = (input, wanted) => {
      input.value = wanted !== "" && Number.isFinite(Number(wanted)) ? String(Number(wanted)) : "";
    };

    const rangeInputs = (name, [low, high]) => {
      const tell = () => {
        const [from, to] = inputs.map((input) => input.value);
        ask({ [name]: from === "" && to === "" ? "" : `${from}-${to}` });
      };
      const inputs = [
        numberInput(t("samples_from", { name: t(`samples_filter_${name}`) }), low, tell),
        numberInput(t("samples_to", { name: t(`samples_filter_${name}`) }), high, tell),
      ];
      controls[name] = (wanted = "") => {
        const one = /^[\d.]+$/.test(wanted) ? [wanted, wanted] : wanted.split("-");
        inputs.forEach((input, at) => {
          fillNumber(input, one[at] ?? "");
        });
      };
      return element(
        "div",
        { class: "field range", role: "group", "aria-label": t(`samples_filter_${name}`) },
        element("span", {}, t(`samples_filter_${name}`)),
        element("span", { class: "bounds" }, inputs[0], "–", inputs[1]),
      );
    };

    const scoreInputs = () => {
      const inputs = ["least", "most"].map((name) => {
        const input = numberInput(t(`samples_${name}`), name === "least" ? 0 : 100, () => ask({ [name]: input.value }));
        controls[name] = (wanted = "") => {
          fillNumber(input, wanted);
        };
        return input;
      });
      return element(
        "div",
        { class: "field range", role: "group", "aria-label": t("samples_filter_score") },
        element("span", {}, t("samples_filter_score")),
        element("span", { class: "bounds" }, inputs[0], "–", inputs[1]),
      );
    };

    const chip = (name, text, isOn, press) => {
      const button = element("button", { type: "button", class: "toggle", "data-filter": name, onclick: press });
      controls[`chip-${name}`] = () => {
        const on = isOn();
        button.setAttribute("aria-pressed", String(Boolean(on)));
        button.textContent = text(on);
      };
      return button;
    };

    const presets = (score) => [
      score.isWrongSplit
        ? chip(
            "wrong",
            () => t("samples_wrong"),
            () => asked.below === "50",
            () => ask({ below: asked.below === "50" ? "" : "50", least: "", most: "" }),
          )
        : null,
      score.isRightSplit
        ? chip(
            "right",
            () => t("samples_right"),
            () => asked.least === "100",
            () => ask({ least: asked.least === "100" ? "" : "100", most: "", below: "" }),
          )
        : null,
    ];

    /* Any, with it, without it. */
    const flagChip = ({ name, count }) => {
      const word = t(`samples_flag_${name}`);
      const text = (on) => (on === "0" ? t("samples_without", { flag: word }) : `${word} ${Page.count(count)}`);
      const next = () => ({ "": "1", 1: "0", 0: "" })[asked[name] ?? ""] ?? "";
      return chip(
        name,
        text,
        () => asked[name],
        () => ask({ [name]: next() }),
      );
    };

    const runSelect = () => {
      const several = Page.data.runs
        .map((run, index) => [String(index), run.name])
        .filter(([index]) => Page.sampleCount(Number(index)));
      if (several.length < 2) return null;
      const select = element(
        "select",
        { name: "run", onchange: () => changeRun(Number(select.value)) },
        several.map(([index, name]) => option(index, name)),
      );
      controls.run = () => {
        select.value = String(run);
      };
      return labelled("run", t("samples_filter_run"), select);
    };

    /* What was asked of one run is asked of the other as far as it has it. */
    const changeRun = (other) => {
      const { tasks, groups } = Page.data.runs[other];
      const hasTask = tasks.includes(asked.task) || Object.hasOwn(groups, asked.task ?? "");
      ask({ run: String(other), flipped: "", task: hasTask ? asked.task : "" });
    };

    const searchInput = () => {
      const typed = () => {
        clearTimeout(pending);
        pending = setTimeout(() => {
          pending = null;
          ask({ q: input.value.trim() }, { isTyped: true });
        }, WAIT);
      };
      const input = element("input", {
        type: "search",
        name: "q",
        "aria-label": t("samples_search"),
        placeholder: t("samples_search_hint"),
        oninput: typed,
        onfocus: () => Page.prepareSearch(run),
        onkeydown: (event) => {
          if (event.key !== "Escape" && event.key !== "ArrowDown") return;
          event.preventDefault();
          Page.moveInList(0);
        },
      });
      controls.q = (wanted = "") => {
        if (pending === null && input.value.trim() !== wanted) input.value = wanted;
      };
      return input;
    };

    const isShortened = () => {
      const columns = Page.data.samples[run];
      return (
        Boolean(columns.head) ||
        ["answer", "reasoning", "seen", "error"].some((name) => (columns[name] ?? []).some(Array.isArray))
      );
    };

    const chosen = (name, options) =>
      options.length ? labelled(name, t(`samples_filter_${name}`), selectOf(name, options)) : null;

    const taskOptions = ({ tasks, groups }) => {
      if (!groups.length) return tasks.map((task) => option(task));
      const set = (label, names) =>
        element(
          "optgroup",
          { label: t(label) },
          names.map((name) => option(name)),
        );
      return [set("samples_groups", groups), set("samples_tasks", tasks)];
    };

    const fields = (facets) => [
      chosen("task", taskOptions(facets)),
      Object.entries(facets.places).map(([name, values]) =>
        chosen(
          name,
          values.map((each) => option(String(each), Page.shownValue(each))),
        ),
      ),
      Object.entries(facets.ranges).map(([name, found]) => rangeInputs(name, found)),
      facets.score ? scoreInputs() : null,
      chosen(
        "flipped",
        facets.flips.map(({ pair, other }) => option(String(pair), Page.data.runs[other].name)),
      ),
    ];

    const inWords = () => {
      const words = [];
      for (const name of Page.FILTERS) {
        const given = asked[name] ?? "";
        if (given === "" || name === "run" || name === "sort") continue;
        if (name in Page.FLAGS || name === "empty" || name === "scored")
          words.push(
            given === "1" ? t(`samples_flag_${name}`) : t("samples_without", { flag: t(`samples_flag_${name}`) }),
          );
        else if (name === "flipped") words.push(`${t("samples_filter_flipped")} ${flippedRun(given)}`);
        else words.push(`${t(`samples_filter_${name}`)} ${given}`);
      }
      return words;
    };
    const flippedRun = (given) =>
      Page.data.runs[Page.pairsOf(run).find(({ pair }) => String(pair) === given)?.other]?.name ?? given;

    const show = (parameters, count) => {
      asked = parameters;
      for (const [name, showOne] of Object.entries(controls)) showOne(asked[name]);
      const words = inWords();
      told.count.textContent = t(Page.data.samples[run].draw ? "samples_count_draws" : "samples_count", { shown: Page.count(count), all: Page.count(Page.sampleCount(run)) });
      told.reset.hidden = !words.length;
      told.words.textContent = words.length ? t("samples_filtered", { words: words.join(" · ") }) : "";
      told.summary.textContent = words.length
        ? t("samples_filters_some", { count: words.length })
        : t("samples_filters");
      told.shortened.hidden = !asked.q || !isShortened();
    };

    const search = searchInput();
    const told = {
      summary: element("summary", {}),
      count: element("p", { class: "count", role: "status" }),
      reset: reset(),
      words: element("p", { class: "filter-words" }),
      shortened: element("p", { class: "note shortened", hidden: true }, t("samples_shortened")),
    };
    const build = () => {
      const facets = Page.facets(run);
      const chips = [...(facets.score ? presets(facets.score) : []), ...facets.flags.map(flagChip)].filter(Boolean);
      const given = fields(facets).flat(Infinity).filter(Boolean);
      const isWide = window.matchMedia("(min-width: 641px)").matches;
      const more = element(
        "details",
        { class: "more-filters", open: isWide },
        told.summary,
        element("div", { class: "fields" }, given),
        chips.length ? element("div", { class: "chips" }, chips) : null,
      );
      return [
        element(
          "form",
          { class: "filters", role: "search", onsubmit: (event) => event.preventDefault() },
          element("div", { class: "first" }, runSelect(), search),
          given.length || chips.length ? more : null,
        ),
        element(
          "div",
          { class: "state" },
          told.count,
          told.reset,
          element("p", { class: "keys note" }, t("samples_keys_list")),
        ),
        told.words,
        told.shortened,
      ];
    };

    return { nodes: build(), search, show };
  };
})();
