"use strict";
/*
Samples as the data holds them: data.samples[run] is null or an object of columns, each as long as `task`; columns that
no sample fills are left out.

  task    index in data.runs[run].tasks          key      the sample's id without "benchmark/task/"
  draw    which draw, from 0                     score    0–100, null without one
  flags   sum of Page.FLAGS                      length, depth, language, needles, repeat   where it stands
  before, after  prompt tokens before and after truncation
  kept    kept token ranges of a cut prompt, [start, stop, start, stop…]
  needle  where each needle began before truncation, in tokens
  head, tail     both ends of the prompt as sent     evidence  needles or gold answers, as texts
  targets        gold answers                        answer, reasoning, error
  seen    what the metric saw of the answer, null where it is the answer itself
  scores  further metrics: name → column

A text is a string, or [start, end, characters] where its middle was left out.
*/
(() => {
  Page.FLAGS = { cut: 1, lost: 2, failed: 4, starved: 8, limit: 16, fragile: 32, refused: 64, doubtful: 128 };

  Page.sampleCount = (run) => Page.data.samples?.[run]?.task.length ?? 0;

  /* One sample as an object: every column's value, and id, taskName, run, index. */
  Page.sample = (run, index) => {
    const columns = Page.data.samples[run];
    const about = Page.data.runs[run];
    const found = { run, index, scores: {} };
    for (const [name, column] of Object.entries(columns)) {
      if (name === "scores") for (const [metric, values] of Object.entries(column)) found.scores[metric] = values[index];
      else found[name] = column[index];
    }
    found.draw = found.draw ?? 0;
    found.taskName = about.tasks[found.task];
    found.id = `${about.benchmark}/${found.taskName}/${found.key}`;
    return found;
  };

  const places = new Map();
  /* The index of a sample by its id and draw; -1 where there is none. */
  Page.findSample = (run, id, draw = 0) => {
    if (!places.has(run)) {
      const known = new Map();
      const columns = Page.data.samples?.[run];
      const about = Page.data.runs[run];
      for (let index = 0; index < Page.sampleCount(run); index += 1) {
        const name = `${about.benchmark}/${about.tasks[columns.task[index]]}/${columns.key[index]}`;
        known.set(`${name}#${columns.draw?.[index] ?? 0}`, index);
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
