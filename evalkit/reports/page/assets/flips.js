"use strict";
/*
The samples that both runs of a pair have, found by joining the runs' samples on their ids.

  Page.pairSamples(pair)  every sample that both scored, in the left run's order: {task, id, rightId, left, right,
                          difference, draws: [[leftIndex, rightIndex]…]}; scores of several draws are their means
  Page.isFlip(sample)     whether its scores differ
  Page.byDifference(some) the same, largest differences first; of equal ones both directions in turn
  Page.flips(pair)        [[leftIndex, rightIndex]…] of every draw of the samples whose scores differ, largest
                          differences first: what the filter `flipped` of the samples list shows

`pair` is an index in data.pairs; indices are of data.samples[run]. Where a run gave other draws than the other, the
last one of the shorter stands beside the rest.
*/
(() => {
  const SAME = 1e-9; // points within which two scores are alike: rounding
  const drawsOfRuns = new Map();
  const samplesOfPairs = new Map();

  /* Task → sample id → the indices of its draws, in the order of the run. */
  const drawsOf = (run) => {
    if (!drawsOfRuns.has(run)) drawsOfRuns.set(run, gathered(run, Page.data.runs[run].tasks));
    return drawsOfRuns.get(run);
  };

  const gathered = (run, tasks) => {
    const found = new Map(tasks.map((task) => [task, new Map()]));
    for (let index = 0; index < Page.sampleCount(run); index += 1) {
      const draws = found.get(tasks[Page.data.samples[run].task[index]]);
      const { id } = Page.identity(run, index);
      if (draws.has(id)) draws.get(id).push(index);
      else draws.set(id, [index]);
    }
    return found;
  };

  const beside = (left, right) =>
    Array.from({ length: Math.max(left.length, right.length) }, (_, draw) => [
      left[Math.min(draw, left.length - 1)],
      right[Math.min(draw, right.length - 1)],
    ]);

  const scoreOf = (run, index) => Page.data.samples[run].score?.[index] ?? null;

  /* A sample of both runs: the last are its ids and, where the samples' own scores do not count, its scores. */
  const sample = (runs, task, [id, rightId, ...scores]) => {
    const sides = [drawsOf(runs[0]).get(task)?.get(id), drawsOf(runs[1]).get(task)?.get(rightId)];
    if (!sides[0] || !sides[1]) return null;
    const [left, right] = scores.length ? scores : sides.map((draws, side) => scoreOf(runs[side], draws[0]));
    if (left === null || right === null) return null;
    return { task, id, rightId, left, right, difference: left - right, draws: beside(...sides) };
  };

  const joined = ({ left, right, tasks, joined: told }) => Object.keys(tasks).flatMap((task) => {
    const ids = told[task] ?? [...(drawsOf(left).get(task)?.keys() ?? [])].map((id) => [id, id]);
    return ids.map((each) => sample([left, right], task, each)).filter(Boolean);
  });

  Page.pairSamples = (pair) => {
    if (!samplesOfPairs.has(pair)) samplesOfPairs.set(pair, joined(Page.data.pairs[pair]));
    return samplesOfPairs.get(pair);
  };

  Page.isFlip = (sample) => Math.abs(sample.difference) > SAME;

  Page.byDifference = (samples) => {
    const seen = new Map();
    const ranked = samples.map((sample) => {
      const turn = (seen.get(sample.difference) ?? 0) + 1;
      seen.set(sample.difference, turn);
      return { sample, size: Number(Math.abs(sample.difference).toFixed(6)), turn };
    });
    return ranked.sort((a, b) => b.size - a.size || a.turn - b.turn).map(({ sample }) => sample);
  };

  Page.flips = (pair) =>
    Page.byDifference(Page.pairSamples(pair).filter(Page.isFlip)).flatMap((sample) => sample.draws);
})();
