"use strict";
/*
Two texts word by word: which words stand in both, in one order.

  Page.wordDifference(left, right)   {left, right: [[text, isSame]…], isWhole, same, steps}

A word is a run of letters and digits, a single sign of a script that is written without spaces, or a single other
sign; white space is no word. After the words that both texts begin and end with, a longest common subsequence is found
(Myers 1986). It takes as many rounds as words differ, each over more places than the last, so that its steps are
counted: beyond MOST_STEPS all that stands between the common ends counts as different, and `isWhole` is false. Two
unrelated texts of 10,000 characters end there.
*/
(() => {
  const MOST_STEPS = 250_000;
  const SINGLE = "[\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}]";
  const SINGLE_WITH_MARKS = "[\\p{Script=Thai}\\p{Script=Lao}\\p{Script=Khmer}\\p{Script=Myanmar}]\\p{M}*";
  const ALONE = `${SINGLE}|${SINGLE_WITH_MARKS}`;
  const WORD = new RegExp(`(\\s*)(${ALONE}|(?:(?!${ALONE})[\\p{L}\\p{M}\\p{N}_])+|\\S)`, "gu");

  /* The words, the white space before each, and what follows the last. */
  const split = (text) => {
    const words = [];
    const spaces = [];
    let end = 0;
    for (const found of text.matchAll(WORD)) {
      spaces.push(found[1]);
      words.push(found[2]);
      end = found.index + found[0].length;
    }
    return { words, spaces, rest: text.slice(end) };
  };

  /* Words as numbers, alike where the words are. */
  const numbered = (texts) => {
    const known = new Map();
    return texts.map((words) => Int32Array.from(words, (word) => {
      if (!known.has(word)) known.set(word, known.size);
      return known.get(word);
    }));
  };

  /* How far each diagonal (left place − right place) is reached with 0, 1, 2… words that differ; null beyond. */
  const reach = (left, right) => {
    const rounds = [];
    let steps = 0;
    let last = new Int32Array(3);
    for (let differing = 0; ; differing += 1) {
      const now = new Int32Array(2 * differing + 3); // diagonal k stands at k + differing + 1
      for (let diagonal = -differing; diagonal <= differing; diagonal += 2) {
        const at = diagonal + differing;
        const isDown = diagonal === -differing || (diagonal !== differing && last[at - 1] < last[at + 1]);
        let place = differing === 0 ? 0 : isDown ? last[at + 1] : last[at - 1] + 1;
        steps += 1;
        while (place < left.length && place - diagonal < right.length && left[place] === right[place - diagonal]) {
          place += 1;
          steps += 1;
        }
        now[at + 1] = place;
        if (place >= left.length && place - diagonal >= right.length) return { rounds, steps };
        if (steps > MOST_STEPS) return { rounds: null, steps };
      }
      rounds.push(now);
      last = now;
    }
  };

  /* Marks the words of a longest common subsequence, from the end back to the beginning. */
  const walkBack = (rounds, left, right, mark) => {
    let place = left.length;
    let other = right.length;
    for (let differing = rounds.length; differing > 0; differing -= 1) {
      const last = rounds[differing - 1];
      const diagonal = place - other;
      const at = diagonal + differing;
      const isDown = diagonal === -differing || (diagonal !== differing && last[at - 1] < last[at + 1]);
      const start = isDown ? last[at + 1] : last[at - 1] + 1;
      while (place > start) mark((place -= 1), (other -= 1));
      if (isDown) other -= 1;
      else place -= 1;
    }
    while (place > 0) mark((place -= 1), (other -= 1));
  };

  /* How many words both begin with, and how many of the others they end with. */
  const ends = (left, right) => {
    const most = Math.min(left.length, right.length);
    let before = 0;
    while (before < most && left[before] === right[before]) before += 1;
    let after = 0;
    while (after < most - before && left[left.length - 1 - after] === right[right.length - 1 - after]) after += 1;
    return { before, after };
  };

  /* Pieces of a text, as long as they can be: white space between two words that differ belongs to them. */
  const pieces = ({ words, spaces, rest }, isSame) => {
    const found = [];
    const add = (text, same) => {
      if (text === "") return;
      if (found.length && found.at(-1)[1] === same) found.at(-1)[0] += text;
      else found.push([text, same]);
    };
    words.forEach((word, place) => {
      add(spaces[place], Boolean(isSame[place] || place === 0 || isSame[place - 1]));
      add(word, Boolean(isSame[place]));
    });
    add(rest, true);
    return found;
  };

  Page.wordDifference = (leftText, rightText) => {
    const texts = [split(leftText), split(rightText)];
    const [left, right] = numbered(texts.map((text) => text.words));
    const { before, after } = ends(left, right);
    const isSame = [new Uint8Array(left.length), new Uint8Array(right.length)];
    isSame.forEach((marks) => marks.fill(1, 0, before).fill(1, marks.length - after));
    const middle = [left, right].map((words) => words.subarray(before, words.length - after));
    const { rounds, steps } = reach(...middle);
    if (rounds) {
      walkBack(rounds, ...middle, (place, other) => {
        isSame[0][before + place] = 1;
        isSame[1][before + other] = 1;
      });
    }
    return {
      left: pieces(texts[0], isSame[0]),
      right: pieces(texts[1], isSame[1]),
      isWhole: rounds !== null,
      same: isSame[0].reduce((sum, each) => sum + each, 0),
      steps,
    };
  };
})();
