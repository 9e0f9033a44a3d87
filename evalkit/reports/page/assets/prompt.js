"use strict";
/*
The prompt of a sample: which of its tokens were sent, in a strip and in words, and both of its ends.

  Page.promptBlock(sample)          its block; null where nothing is known of the prompt
  Page.sampleBlock(name, content)   a part of a sample's view, under its heading
  Page.isKnown(value)               neither missing nor empty
*/
(() => {
  const { element, svg, t } = Page;

  Page.isKnown = (value) => value !== null && value !== undefined && value !== "";
  const known = Page.isKnown;

  Page.sampleBlock = (name, ...content) =>
    element("section", { class: `block ${name}` }, element("h3", {}, t(`samples_${name}`)), content);

  const ranges = ({ kept, before }) => {
    if (!kept) return [[0, before]];
    const found = [];
    for (let at = 0; at + 1 < kept.length; at += 2) found.push([kept[at], kept[at + 1]]);
    return found;
  };
  /* Of the tokens before truncation, those that were sent: a chat format may put others around them. */
  const sentOf = (kept) => kept.reduce((sum, [start, stop]) => sum + stop - start, 0);

  const share = (part, whole) => (whole ? ((100 * part) / whole).toFixed(1) : "0.0");
  const isKept = (kept, token) => kept.some(([start, stop]) => token >= start && token < stop);

  const tokenWords = (sample, kept, total) => {
    const sent = sentOf(kept);
    const words = [];
    if (sent === total) words.push(t("samples_tokens_whole", { total: Page.count(total) }));
    else {
      const values = {
        sent: Page.count(sent),
        total: Page.count(total),
        left: Page.count(total - sent),
        share: share(total - sent, total),
      };
      words.push(t("samples_tokens_cut", values));
      const places = kept.map(([start, stop]) => `${Page.count(start)}–${Page.count(stop)}`).join(", ");
      if (kept.length) words.push(t("samples_tokens_kept", { ranges: places }));
    }
    (sample.needle ?? []).forEach((token, at) => {
      words.push(
        t(isKept(kept, token) ? "samples_needle_kept" : "samples_needle_lost", {
          number: sample.needle.length > 1 ? ` ${at + 1}` : "",
          token: Page.count(token),
          share: share(token, total),
        }),
      );
    });
    return words.join(" ");
  };

  const strip = (sample) => {
    const total = sample.before;
    if (!total) return null;
    const kept = ranges(sample);
    const at = (token) => (1000 * Math.min(token, total)) / total;
    const words = tokenWords(sample, kept, total);
    const picture = svg(
      "svg",
      { class: "tokens", viewBox: "0 0 1000 24", preserveAspectRatio: "none", "aria-hidden": "true" },
      svg("rect", { class: "left-out", x: 0, y: 5, width: 1000, height: 14 }),
      kept.map(([start, stop]) =>
        svg("rect", { class: "kept", x: at(start), y: 5, width: Math.max(1, at(stop) - at(start)), height: 14 }),
      ),
      (sample.needle ?? []).map((token) =>
        svg("line", {
          class: isKept(kept, token) ? "needle" : "needle lost",
          x1: at(token),
          x2: at(token),
          y1: 0,
          y2: 24,
        }),
      ),
    );
    const sign = (name) => element("span", { class: `swatch ${name}` }, t(`samples_legend_${name}`));
    return element(
      "div",
      { class: "strip" },
      picture,
      element(
        "div",
        { class: "strip-ends note" },
        element("span", {}, "0"),
        element(
          "span",
          {},
          sign("kept"),
          sentOf(kept) === total ? null : sign("left-out"),
          sample.needle?.length ? sign("needle") : null,
        ),
        element("span", {}, t("samples_tokens", { tokens: Page.count(total) })),
      ),
      element("p", { class: "note" }, words),
    );
  };

  /* One letter stands everywhere: only longer answers are looked for in a prompt. */
  const evidenceOf = (sample) => {
    const texts = (sample.evidence?.length ? sample.evidence : (sample.targets ?? [])).map((each) =>
      Array.isArray(each) ? each[0] : each,
    );
    return texts.filter((each) => each.trim().length > 1);
  };

  Page.promptBlock = (sample) => {
    const wanted = evidenceOf(sample);
    const ends = ["head", "tail"].filter((name) => known(sample[name]));
    const picture = strip(sample);
    if (!ends.length) return picture ? Page.sampleBlock("prompt", picture) : null;
    const isMarked = ends.some((name) =>
      [sample[name]].flat().some((part) => typeof part === "string" && Page.marks(part, wanted).length),
    );
    const told = wanted.length
      ? element("p", { class: "note" }, t(isMarked ? "samples_marked" : "samples_not_marked"))
      : null;
    const texts = ends.map((name) => Page.text(sample[name], { wanted, kind: "prompt-end" }));
    if (texts.length === 2) texts.splice(1, 0, element("p", { class: "between" }, t("samples_between")));
    return Page.sampleBlock("prompt", picture, told, texts);
  };
})();
