"use strict";
/* One sample: `#sample/run/id[/draw][?query of the list it was opened from]`. */
(() => {
  const { element, t } = Page;
  const [known, block] = [Page.isKnown, Page.sampleBlock];
  const FEW = 8;
  const now = { sample: null, query: "", list: [], position: -1, isFromList: false, isStep: false };
  let root = null;
  let steps = null;

  /* "0/longbench%2Ftrec%2F3/1" → {run, index}; null where the page has no such sample. */
  const found = (rest) => {
    const [run, id = "", draw = "0"] = rest.split("/");
    if (!/^\d+$/.test(run) || !Page.sampleCount(Number(run))) return null;
    try {
      const index = Page.findSample(Number(run), decodeURIComponent(id), Number(draw));
      return index < 0 ? null : { run: Number(run), index };
    } catch {
      // no encoded text
      return null;
    }
  };

  const routeOf = (run, index) => {
    const { id, draw } = Page.identity(run, index);
    return Page.sampleRoute(run, id, draw);
  };
  const stepRoute = (position) => {
    const suffix = now.query ? `?${now.query}` : "";
    return `#${routeOf(now.sample.run, now.list[position])}${suffix}`;
  };

  /* Steps */

  const stepTo = (position) => {
    if (position < 0 || position >= now.list.length || now.position < 0) return;
    now.isStep = true;
    location.replace(stepRoute(position)); // so that "back" leads to the list, not through every sample
  };
  const step = (by) => stepTo(now.position + by);

  const back = () => {
    if (now.isFromList) history.back();
    else Page.go(now.query ? `samples?${now.query}` : "samples");
  };

  const isPlain = (event) => event.button === 0 && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);

  const stepLink = (name, act) =>
    element(
      "a",
      {
        class: `step ${name}`,
        onclick: (event) => {
          if (!isPlain(event)) return;
          event.preventDefault();
          act();
        },
      },
      t(`samples_${name}`),
    );

  const buildSteps = () => {
    steps = {
      list: stepLink("to_list", back),
      previous: stepLink("previous", () => step(-1)),
      next: stepLink("next", () => step(1)),
      place: element("span", { class: "place", role: "status" }),
      body: element("div", { class: "body" }),
    };
    root.append(
      element(
        "nav",
        { class: "steps", "aria-label": t("samples_steps") },
        steps.list,
        steps.previous,
        steps.next,
        steps.place,
        element("span", { class: "keys note" }, t("samples_keys_detail")),
      ),
      steps.body,
    );
  };

  const showSteps = () => {
    steps.list.href = `#${now.query ? `samples?${now.query}` : "samples"}`;
    for (const [name, position] of [
      ["previous", now.position - 1],
      ["next", now.position + 1],
    ]) {
      const isThere = now.position >= 0 && position >= 0 && position < now.list.length;
      if (isThere) steps[name].href = stepRoute(position);
      else steps[name].removeAttribute("href");
      steps[name].setAttribute("aria-disabled", String(!isThere));
    }
    for (const each of [steps.previous, steps.next, steps.place]) each.hidden = now.sample === null;
    const values = { place: Page.count(now.position + 1), count: Page.count(now.list.length) };
    steps.place.textContent = now.position < 0 ? t("samples_not_listed") : t("samples_place", values);
  };

  const isShown = () => root !== null && !root.hidden && !root.closest("section").hidden;
  const key = (name, label, inDetail, inList) =>
    Page.onKey(name, label, () => (isShown() ? inDetail() : inList()), "samples");
  key(
    "j",
    "samples_key_next",
    () => step(1),
    () => Page.moveInList(1),
  );
  key(
    "k",
    "samples_key_previous",
    () => step(-1),
    () => Page.moveInList(-1),
  );
  key("Escape", "samples_key_list", back, () => {});
  key(
    "/",
    "samples_key_search",
    () => Page.focusSearch(now.query),
    () => Page.focusSearch(now.query),
  );

  document.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by || !isShown() || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey)
      return;
    if (event.target.closest?.("input, select, textarea") || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    step(by);
  });

  /* Facts */

  const fact = (name, ...values) =>
    element("div", { class: `fact ${name}` }, element("dt", {}, t(`samples_fact_${name}`)), element("dd", {}, values));
  const shown = (value) => (typeof value === "number" ? Page.count(value) : Page.signs(String(value)));

  const facts = (sample) => {
    const about = Page.data.runs[sample.run];
    const places = ["length", "depth", "language", "needles", "repeat"].filter((name) => known(sample[name]));
    return element(
      "dl",
      { class: "facts" },
      fact(
        "run",
        Page.signs(about.name),
        about.model && about.model !== about.name
          ? element("span", { class: "note" }, " ", Page.signs(about.model))
          : null,
      ),
      fact("task", Page.signs(sample.taskName)),
      places.map((name) => fact(name, shown(sample[name]))),
      sample.draw ? fact("draw", sample.draw) : null,
      known(sample.before) ? fact("before", Page.count(sample.before)) : null,
    );
  };

  const metrics = (sample) => {
    const main = Page.data.runs[sample.run].metrics?.[sample.taskName] ?? t("samples_column_score");
    const rows = [[main, sample.score], ...Object.entries(sample.scores).filter(([, score]) => known(score))];
    return element(
      "ul",
      { class: "metrics", "aria-label": t("samples_scores") },
      rows.map(([name, score], at) =>
        element(
          "li",
          { class: at ? "metric" : "metric main" },
          element("span", { class: "name" }, Page.signs(name)),
          Page.scoreBar(score),
        ),
      ),
    );
  };

  const link = (run, index, text) =>
    element(
      "li",
      {},
      element("a", { href: `#${routeOf(run, index)}` }, text),
      " ",
      element("span", { class: "number" }, Page.number(Page.data.samples[run].score?.[index])),
    );

  const others = (sample) => {
    const runs = Page.data.runs.flatMap((about, run) => {
      const index = run === sample.run || !Page.sampleCount(run) ? -1 : Page.findSample(run, sample.id, sample.draw);
      return index < 0 ? [] : [link(run, index, Page.signs(about.name))];
    });
    const most = (Page.data.samples[sample.run].draw ?? []).reduce((high, draw) => Math.max(high, draw), 0);
    const draws = [...Array(most + 1).keys()].flatMap((draw) => {
      const index = draw === sample.draw ? -1 : Page.findSample(sample.run, sample.id, draw);
      return index < 0 ? [] : [link(sample.run, index, t("samples_draw", { draw }))];
    });
    const list = (name, items) =>
      items.length ? element("div", { class: "others" }, element("h3", {}, t(name)), element("ul", {}, items)) : null;
    return [list("samples_other_runs", runs), list("samples_other_draws", draws)];
  };

  const flippedWords = (sample) => {
    const words = [];
    for (const { pair, other } of Page.pairsOf(sample.run)) {
      const index = Page.flippedWith(sample.run, pair).get(sample.index);
      if (index === undefined) continue;
      words.push(
        t("samples_why_flipped", {
          run: Page.data.runs[other].name,
          score: Page.number(Page.data.samples[other].score?.[index]),
        }),
      );
    }
    return words;
  };

  const why = (sample) => {
    const names = Page.flagNames(sample);
    if (!names.length) return null;
    const words = Page.flagWords(sample);
    return element(
      "ul",
      { class: "reasons" },
      names.map((name, at) =>
        element(
          "li",
          {},
          words[at],
          " ",
          name === "flipped" ? flippedWords(sample).join(" ") : t(`samples_why_${name}`),
        ),
      ),
    );
  };

  /* Answers */

  const goldOf = (sample) => (sample.targets ?? []).map((each) => (Array.isArray(each) ? each[0] : each));

  const textsOf = (values) => {
    const list = (part) =>
      element(
        "ul",
        { class: "texts" },
        part.map((each) => element("li", {}, Page.text(each))),
      );
    if (values.length <= FEW) return list(values);
    const rest = values.slice(FEW);
    return [
      list(values.slice(0, FEW)),
      element("details", {}, element("summary", {}, t("samples_more", { count: rest.length })), list(rest)),
    ];
  };

  const orEmpty = (value, wanted) =>
    Page.plain(value) === "" ? element("p", { class: "note" }, t("samples_empty")) : Page.text(value, { wanted });

  const answers = (sample) => {
    const has = sample.answer !== null && sample.answer !== undefined;
    const isSeen = known(sample.seen) || sample.seen === "";
    return element(
      "div",
      { class: "answers" },
      block(
        "answer",
        has ? orEmpty(sample.answer, goldOf(sample)) : element("p", { class: "note" }, t("samples_no_answer")),
      ),
      sample.targets?.length
        ? block(
            "gold",
            textsOf(sample.targets),
            sample.more
              ? element("p", { class: "note" }, t("samples_more_gold", { count: Page.count(sample.more) }))
              : null,
          )
        : null,
      isSeen && Page.plain(sample.seen) !== Page.plain(sample.answer)
        ? block("seen", orEmpty(sample.seen, goldOf(sample)))
        : null,
    );
  };

  const earlier = (sample) =>
    (sample.steps ?? []).map((answer, at) =>
      element(
        "section",
        { class: "block step-answer" },
        element("h3", {}, t("samples_step", { step: at + 1 })),
        known(answer) ? Page.text(answer) : element("p", { class: "note" }, t("samples_no_answer")),
      ),
    );

  const needles = (sample) => {
    const gold = new Set((sample.targets ?? []).map(Page.plain));
    const texts = (sample.evidence ?? []).filter((each) => !gold.has(Page.plain(each)));
    return texts.length ? block("evidence", textsOf(texts)) : null;
  };

  const reasoning = (sample) => {
    if (!known(sample.reasoning)) return null;
    const count = Page.count(Array.isArray(sample.reasoning) ? sample.reasoning[2] : Page.textLength(sample.reasoning));
    return element(
      "details",
      { class: "block reasoning" },
      element("summary", {}, t("samples_reasoning", { characters: count })),
      Page.text(sample.reasoning),
    );
  };

  const command = (sample, flag) => {
    const folder = Page.data.runs[sample.run].folder;
    const words = ["evalkit", "show", folder.startsWith("-") ? `./${folder}` : folder, sample.id, flag];
    const text = Page.shellQuoted(words);
    const code = element("code", { class: "command", tabindex: 0 }, Page.signs(text));
    return element(
      "p",
      { class: "row-of" },
      code,
      Page.copyButton(t("samples_copy"), () => text, code),
    );
  };

  /* What prints the texts whole, and the prompt where one was sent. */
  const commands = (sample) =>
    block("whole", command(sample, "--full"), known(sample.before) ? command(sample, "--prompt") : null);

  /* The whole */

  const heading = (sample) => {
    const address = element("code", { class: "link-text", hidden: true });
    const text = () => {
      address.textContent = `${location.href.split("#")[0]}#${routeOf(sample.run, sample.index)}`;
      return address.textContent;
    };
    return [
      element(
        "div",
        { class: "row-of" },
        element(
          "h2",
          { id: "sample-heading", tabindex: -1 },
          Page.signs(sample.id),
          sample.draw ? ` · ${t("samples_draw", { draw: sample.draw })}` : "",
        ),
        Page.copyButton(t("samples_copy_link"), text, address),
        address,
      ),
    ];
  };

  const draw = (sample) => {
    const error = known(sample.error) ? block("error", Page.text(sample.error)) : null;
    const content = [
      heading(sample),
      element("div", { class: "about" }, facts(sample), metrics(sample)),
      why(sample),
      others(sample),
      error,
      earlier(sample),
      answers(sample),
      reasoning(sample),
      needles(sample),
      Page.promptBlock(sample),
      commands(sample),
    ];
    Page.clear(steps.body).append(...content.flat(Infinity).filter(Boolean));
  };

  const missing = () => {
    Page.clear(steps.body).append(
      element("h2", { id: "sample-heading", tabindex: -1 }, t("samples_no_such")),
      element("p", {}, t("samples_no_such_why"), " ", element("a", { href: "#samples" }, t("samples_back"))),
    );
  };

  Page.onRoute("sample", (rest, parameters) => {
    const place = found(rest);
    const query = Page.query({ ...parameters, run: place ? String(place.run) : "" });
    const isFromList = now.isStep ? now.isFromList : Page.isListShown(query);
    Page.show("samples");
    root = document.querySelector("#samples .detail");
    if (!steps) buildSteps();
    const isKept = now.isStep && steps.body.previousSibling.contains(document.activeElement);
    Object.assign(now, { query, isFromList, isStep: false, sample: null, list: [], position: -1 });
    Page.showDetail(true);
    if (place) {
      now.sample = Page.sample(place.run, place.index);
      now.list = Page.listed(place.run, query);
      now.position = now.list.indexOf(place.index);
      Page.keepCursor(query, place.index);
      draw(now.sample);
    } else missing();
    showSteps();
    if (root.getBoundingClientRect().top < 0) root.scrollIntoView({ block: "start" });
    if (!isKept) document.getElementById("sample-heading").focus({ preventScroll: true });
  });
})();
