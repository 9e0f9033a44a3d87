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

  const nameOf = (run, task, key) => `${Page.data.runs[run].benchmark}/${task}/${key}`;

  /* Sample id → task and the indices of its draws, in the order of the run. */
  const drawsOf = (run) => {
    if (!drawsOfRuns.has(run)) {
      const found = new Map();
      const columns = Page.data.samples?.[run];
      for (let index = 0; index < Page.sampleCount(run); index += 1) {
        const task = Page.data.runs[run].tasks[columns.task[index]];
        const id = nameOf(run, task, columns.key[index]);
        if (!found.has(id)) found.set(id, { task, indices: [] });
        found.get(id).indices.push(index);
      }
      drawsOfRuns.set(run, found);
    }
    return drawsOfRuns.get(run);
  };

  const beside = (left, right) =>
    Array.from({ length: Math.max(left.length, right.length) }, (_, draw) => [
      left[Math.min(draw, left.length - 1)],
      right[Math.min(draw, right.length - 1)],
    ]);

  const joinedSample = (sides, id, rightId, scores) => {
    const [ours, theirs] = [drawsOf(sides[0]).get(id), drawsOf(sides[1]).get(rightId)];
    if (!ours || !theirs) return null;
    const known = scores ?? [ours.indices[0], theirs.indices[0]].map((index, side) => (
      Page.data.samples[sides[side]].score[index]
    ));
    if (known.some((score) => score === null || score === undefined)) return null;
    const [left, right] = known;
    return {
      task: ours.task, id, rightId, left, right, difference: left - right,
      draws: beside(ours.indices, theirs.indices),
    };
  };

  const joined = ({ left, right, tasks, joined: told }) => {
    const found = [];
    for (const task of Object.keys(tasks)) {
      const rows = told[task] ?? [...drawsOf(left)].filter(([, each]) => each.task === task).map(([id]) => [id, id]);
      for (const [id, rightId, ...scores] of rows) {
        found.push(joinedSample([left, right], id, rightId, scores.length ? scores : null));
      }
    }
    return found.filter(Boolean);
  };

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
