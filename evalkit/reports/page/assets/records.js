"use strict";
/*
Samples as the data holds them: data.samples[run] is null or an object of columns, each as long as `task`; columns that
no sample fills are left out.

  task    index in data.runs[run].tasks          key      the sample's id without "benchmark/task/"
  id      the whole id, null where it is "benchmark/task/key"
  draw    which draw, from 0                     score    0–100, null without one
  flags   sum of Page.FLAGS                      length, depth, language, needles, repeat   where it stands
  depths  depths of the needles where a prompt holds several, each with a cell of its own
  before, after  prompt tokens before and after truncation, of the last step
  kept    kept token ranges of a cut prompt, [start, stop, start, stop…]; null where all of it was kept
  needle  where each needle began before truncation, in tokens
  head, tail     both ends of the prompt as sent; no tail where the head is all of it, or the ends are not known apart
  evidence       needles or gold answers, as texts
  targets        gold answers, the first ten     more    how many further ones there are
  answer, reasoning   of the last step           steps   answers of the earlier steps, in their order
  error   why there is no answer, or no score
  seen    what the metric compared: null where it is the answer itself, empty where it could read nothing from it
  scores  columns of metrics with several, and metrics beside the protocol's: name → column

A text is a string, or [start, end, characters] where its middle was left out; characters are code points. task, key,
score and flags are always there. An answer is null where a later step has not been asked yet; `steps` then has all.
*/
(() => {
  Page.FLAGS = { cut: 1, lost: 2, failed: 4, starved: 8, limit: 16, fragile: 32, refused: 64, doubtful: 128 };

  Page.sampleCount = (run) => Page.data.samples?.[run]?.task.length ?? 0;

  /* Id and draw of a sample. */
  Page.identity = (run, index) => {
    const columns = Page.data.samples[run];
    const { benchmark, tasks } = Page.data.runs[run];
    const id = columns.id?.[index] ?? `${benchmark}/${tasks[columns.task[index]]}/${columns.key[index]}`;
    return { id, draw: columns.draw?.[index] ?? 0 };
  };

  /* One sample as an object: every column's value, and id, taskName, run, index. */
  Page.sample = (run, index) => {
    const columns = Page.data.samples[run];
    const about = Page.data.runs[run];
    const found = { run, index, scores: Object.create(null) }; // a metric may be called __proto__
    for (const [name, column] of Object.entries(columns)) {
      if (name === "scores") for (const [metric, values] of Object.entries(column)) found.scores[metric] = values[index];
      else found[name] = column[index];
    }
    found.taskName = about.tasks[found.task];
    return Object.assign(found, Page.identity(run, index));
  };

  const places = new Map();
  /* The index of a sample by its id and draw; -1 where there is none. */
  Page.findSample = (run, id, draw = 0) => {
    if (!places.has(run)) {
      const known = new Map();
      for (let index = 0; index < Page.sampleCount(run); index += 1) {
        const each = Page.identity(run, index);
        known.set(`${each.id}#${each.draw}`, index);
      }
      places.set(run, known);
    }
    return places.get(run).get(`${id}#${draw}`) ?? -1;
  };

  /* The route of a sample's own page. */
  Page.sampleRoute = (run, id, draw = 0) => `sample/${run}/${encodeURIComponent(id)}${draw ? `/${draw}` : ""}`;

  /* The whole of a text that the page has, its gap as an ellipsis: what is searched and compared. */
  Page.plain = (text) => (Array.isArray(text) ? `${text[0]} … ${text[1]}` : text ?? "");
})();
