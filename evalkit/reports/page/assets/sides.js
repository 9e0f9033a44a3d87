"use strict";
/*
One sample of two runs, side by side.

  Page.sideBySide(sample, moves)  both answers with the words marked that differ; moves: {previous, next, close}, what
                                  its buttons do, null for one that has nowhere to go
*/
(() => {
  const { element, t } = Page;
  const MARKS = { left: "del", right: "ins" };

  const marked = (pieces, kind) => pieces.map(([text, isSame]) => (
    isSame ? Page.signs(text) : element(MARKS[kind], {}, Page.signs(text))));

  /* How a text was shortened for the page; null where it is whole. */
  const shortened = (text) => (Array.isArray(text)
    ? element("p", { class: "note" }, t("pairs_middle", { characters: Page.count(text[2]) })) : null);

  const answer = (sample, name, pieces, kind) => {
    const note = (style, text) => element("p", { class: style }, text);
    if (sample.error) return note("pairs-error", Page.signs(t("pairs_error", { error: Page.plain(sample.error) })));
    if (sample.answer === null || sample.answer === undefined) return note("note", t("pairs_no_answer"));
    if (!Page.plain(sample.answer)) return note("note", t("pairs_empty"));
    return [
      element("div", { class: "pairs-answer", dir: "auto", tabindex: 0, role: "group", "aria-label": name },
        marked(pieces, kind)),
      shortened(sample.answer),
    ];
  };

  const points = (side, sample) => {
    const score = t("pairs_score", { score: Page.number(side.score) });
    return side.indices.length < 2 ? score : t("pairs_score_draw", { score, draw: Page.number(sample.score) });
  };

  const card = (side, sample, pieces, kind) => {
    const { name } = Page.data.runs[side.run];
    const seen = sample.seen === null || sample.seen === undefined ? null : element("div", { class: "pairs-seen" },
      element("h5", {}, t("pairs_seen")),
      sample.seen === "" ? element("p", { class: "note" }, t("pairs_seen_nothing"))
        : element("div", { class: "pairs-answer", dir: "auto" }, Page.signs(Page.plain(sample.seen))),
      shortened(sample.seen));
    return element("div", { class: `pairs-card ${kind}` },
      element("h4", {}, element("span", { class: "pairs-mark" }, kind === "left" ? "◧ " : "◨ "), name,
        element("span", { class: "pairs-points" }, points(side, sample))),
      answer(sample, name, pieces, kind), seen,
      element("p", {}, element("a", { href: `#${Page.sampleRoute(side.run, side.id, sample.draw)}` },
        t("pairs_open", { name }))));
  };

  const gold = (sample) => {
    const targets = sample.targets ?? [];
    if (!targets.length) return null;
    return element("div", { class: "pairs-gold" }, element("h4", {}, t("pairs_gold")),
      element("ul", {}, targets.map((target) => element("li", { dir: "auto" }, Page.signs(Page.plain(target)))),
      sample.more ? element("li", { class: "note" }, t("pairs_more_gold", { n: Page.count(sample.more) })) : null));
  };

  /* What there is to say of how the two texts were compared. */
  const remark = (texts, found) => {
    if (texts.some((text) => text === "")) return null;
    if (texts[0] === texts[1]) return t("pairs_same_answer");
    if (!found.isWhole) return t("pairs_too_different");
    return [...found.left, ...found.right].every(([, isSame]) => isSame) ? t("pairs_same_words") : t("pairs_legend");
  };

  const comparison = (sides, draw) => {
    const samples = sides.map((side) => Page.sample(side.run, side.indices[draw]));
    const texts = samples.map((sample) => Page.plain(sample.answer));
    const found = Page.wordDifference(...texts);
    const said = remark(texts, found);
    return [
      gold(samples[0]),
      element("div", { class: "pairs-cards" }, card(sides[0], samples[0], found.left, "left"),
        card(sides[1], samples[1], found.right, "right")),
      said ? element("p", { class: "note" }, said) : null,
    ];
  };

  /* The first draw in which the sides score differently; the first of all where none does. */
  const firstDifference = ([left, right]) => Math.max(0, left.indices.findIndex((index, draw) => (
    Page.sample(left.run, index).score !== Page.sample(right.run, right.indices[draw]).score)));

  Page.sideBySide = (sample, moves) => {
    const sides = Page.sidesOf(sample);
    const body = element("div", {});
    const show = (draw) => body.replaceChildren(...comparison(sides, draw).filter(Boolean));
    const first = firstDifference(sides);
    const draws = sample.draws.length < 2 ? null : element("p", {}, t("pairs_draws"), " ",
      element("select", { "aria-label": t("pairs_draws"), onchange: (event) => show(Number(event.target.value)) },
        sample.draws.map((_, draw) => (
          element("option", { value: draw, selected: draw === first }, t("pairs_draw", { n: draw + 1 }))))));
    show(first);
    const button = (text, move) => element("button", { type: "button", disabled: !move, onclick: move }, text);
    return element("div", { class: "pairs-detail" }, draws, body, element("p", { class: "pairs-moves" },
      button(t("pairs_previous"), moves.previous), button(t("pairs_next"), moves.next),
      button(t("pairs_close"), moves.close)));
  };
})();
