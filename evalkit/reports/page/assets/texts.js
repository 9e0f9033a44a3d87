"use strict";
/*
Texts of others as nodes: hidden characters made visible, passages marked, long ones folded; and copying.

  Page.signs(text)              text nodes, with a small box in place of each character that shows nothing
  Page.text(value, {wanted})    a block with a text of the data: folded where it is long, what is wanted marked
  Page.excerpt(value)           its first words, for a row
  Page.textLength(text)         its characters
  Page.marks(text, wanted)      where the wanted texts stand: exact, or else whatever the case
  Page.copyButton(label, text, source)   copies; where the browser does not let it, selects `source` for the reader
  Page.shellQuoted(words)       words as one command line of a POSIX shell
*/
(() => {
  const FOLD = { characters: 1500, lines: 24 };
  const PIECE = 20000;
  const BOXES = 2000;
  const MARKS = 200;
  /* Controls, format characters that change the order or the breaking of others, fillers, lone surrogates. Joiners are
     left alone: emoji and many scripts are written with them. */
  const HIDDEN = new RegExp(
    "([\\u0000-\\u0008\\u000B\\u000C\\u000E-\\u001F\\u007F-\\u009F\\u00AD\\u061C\\u115F\\u1160\\u180E\\u200B" +
      "\\u200E\\u200F\\u2028-\\u202E\\u2060-\\u206F\\u3164\\uFEFF\\uFFA0\\uFFF9-\\uFFFB\\u{E0000}-\\u{E007F}\\p{Cs}]|\\r(?!\\n))\\1*",
    "gu",
  );
  const TIGHT = /[\p{Script=Latin}\p{N}]/u;

  const codePoint = (sign) => `U+${sign.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;

  const box = (sign, count) =>
    Page.element(
      "span",
      { class: "sign", title: Page.t("samples_sign", { code: codePoint(sign) }) },
      count > 1 ? `${codePoint(sign)} × ${Page.count(count)}` : codePoint(sign),
    );

  Page.signs = (text) => {
    const nodes = [];
    let from = 0;
    let boxes = 0;
    for (const found of text.matchAll(HIDDEN)) {
      if (boxes === BOXES) break; // a text of nothing else would be a page of boxes
      if (found.index > from) nodes.push(document.createTextNode(text.slice(from, found.index)));
      nodes.push(box(found[1], found[0].length / found[1].length));
      from = found.index + found[0].length;
      boxes += 1;
    }
    const rest = text.slice(from);
    if (rest) nodes.push(document.createTextNode(boxes === BOXES ? rest.replace(HIDDEN, "\uFFFD") : rest));
    return nodes;
  };

  /* A place at or before `end` that does not part a pair of surrogates. */
  const whole = (text, end) => (/[\uD800-\uDBFF]/.test(text[end - 1] ?? "") && end < text.length ? end - 1 : end);

  /* Whether letters or digits go on beyond a match, so that it is a part of another word. */
  const isInside = (text, start, stop) =>
    (start > 0 && TIGHT.test(text[start - 1]) && TIGHT.test(text[start])) ||
    (stop < text.length && TIGHT.test(text[stop - 1]) && TIGHT.test(text[stop]));

  const findAll = (text, pattern) => {
    const found = [];
    for (const match of text.matchAll(pattern)) {
      const stop = match.index + match[0].length;
      if (!isInside(text, match.index, stop)) found.push([match.index, stop]);
      if (found.length === MARKS) break;
    }
    return found;
  };

  Page.marks = (text, wanted) => {
    const found = [];
    for (const each of new Set(wanted.map((piece) => piece.trim()))) {
      if (!each || each.length > text.length) continue;
      const escaped = each.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
      const exact = findAll(text, new RegExp(escaped, "gu"));
      found.push(...(exact.length ? exact : findAll(text, new RegExp(escaped, "giu"))));
    }
    found.sort((one, other) => one[0] - other[0] || other[1] - one[1]);
    const apart = [];
    for (const [start, stop] of found) {
      const last = apart.at(-1);
      if (last && start <= last[1]) last[1] = Math.max(last[1], stop);
      else apart.push([start, stop]);
    }
    return apart;
  };

  /* The nodes of text[from:to], its marked ranges in <mark>. */
  const pieces = (text, ranges, from, to) => {
    const nodes = [];
    let at = from;
    for (const [start, stop] of ranges) {
      if (stop <= at || start >= to) continue;
      if (start > at) nodes.push(...Page.signs(text.slice(at, start)));
      nodes.push(Page.element("mark", {}, Page.signs(text.slice(Math.max(start, at), Math.min(stop, to)))));
      at = Math.min(stop, to);
    }
    if (at < to) nodes.push(...Page.signs(text.slice(at, to)));
    return nodes;
  };

  /* Where a long text is folded; its whole length where it is not. */
  const foldAt = (text) => {
    let end = Math.min(text.length, FOLD.characters);
    let lines = 0;
    for (let at = text.indexOf("\n"); at >= 0 && at < end; at = text.indexOf("\n", at + 1)) {
      lines += 1;
      if (lines === FOLD.lines) end = at;
    }
    return text.length - end < 200 && lines < FOLD.lines ? text.length : whole(text, end);
  };

  /* A whole text in blocks that the browser lays out only where they are looked at. */
  const blocks = (text, ranges) => {
    if (text.length <= PIECE) return pieces(text, ranges, 0, text.length);
    const found = [];
    for (let at = 0; at < text.length;) {
      const line = text.lastIndexOf("\n", at + PIECE);
      const isLine = line > at + PIECE / 2 && at + PIECE < text.length;
      const end = isLine ? line : whole(text, Math.min(text.length, at + PIECE));
      found.push(Page.element("span", { class: "piece" }, pieces(text, ranges, at, end)));
      at = isLine ? end + 1 : end;
    }
    return found;
  };

  /* Characters as Python counts them: code points. */
  Page.textLength = (text) => text.length - (text.match(/[\uD800-\uDBFF][\uDC00-\uDFFF]/g)?.length ?? 0);

  const gap = (characters) =>
    Page.element("span", { class: "gap" }, Page.t("samples_gap", { characters: Page.count(characters) }));

  Page.text = (value, { wanted = [], kind = "" } = {}) => {
    const [text, end, length] = Array.isArray(value) ? value : [value, "", Page.textLength(value)];
    const left = Array.isArray(value) ? length - Page.textLength(text) - Page.textLength(end) : 0;
    const ranges = Page.marks(text, wanted);
    const place = Page.element("div", { class: `text ${kind}`, dir: "auto" });
    const fold = foldAt(text);
    const all = () => {
      place.append(...blocks(text, ranges));
      if (left) place.append(gap(left), ...blocks(end, Page.marks(end, wanted)));
    };
    if (fold === text.length) {
      all();
      return place;
    }
    place.append(...pieces(text, ranges, 0, fold), "…");
    const more = Page.element(
      "button",
      {
        type: "button",
        class: "more",
        onclick: () => {
          Page.clear(place);
          all();
          place.tabIndex = -1;
          place.focus();
          more.remove();
        },
      },
      Page.t("samples_show_all", { characters: Page.count(length - left) }),
    );
    return Page.element("div", { class: "folded" }, place, more);
  };

  Page.excerpt = (value, characters = 240) => {
    const text = Array.isArray(value) ? value[0] : (value ?? "");
    const start = text
      .slice(0, characters * 2)
      .replace(/\s+/g, " ")
      .trim();
    return Page.signs(start.slice(0, whole(start, Math.min(start.length, characters))));
  };

  const select = (node) => {
    const range = document.createRange();
    range.selectNodeContents(node);
    const selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  };

  Page.copyButton = (label, text, source) => {
    const told = Page.element("span", { class: "told", role: "status" });
    const copy = async () => {
      const words = text();
      try {
        await navigator.clipboard.writeText(words);
        told.textContent = Page.t("samples_copied");
      } catch {
        // no clipboard, or no leave to use it
        source.hidden = false;
        select(source);
        told.textContent = Page.t("samples_selected");
      }
    };
    return [Page.element("button", { type: "button", class: "copy-text", onclick: copy }, label), told];
  };

  Page.shellQuoted = (words) =>
    words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\"'\"'")}'`)).join(" ");
})();
