"""The summary of the page: reasons for doubt first, one number a run, verdicts, and how to make it again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from shlex import split
from typing import Any

import pytest

from evalkit.reports.page import PageRun, labels_of, read_runs
from evalkit.reports.page._doubts import doubts_of
from evalkit.reports.page._summary import summary_part
from evalkit.scores import ALTERED, OverallScore, TaskDraws, TruncationScore
from evalkit.verdicts import hold_published
from tests.conftest import ROOT, Command
from tests.reports.page.made_runs import made_run, made_scores, made_task, means_of
from tests.reports.page.parsed import ParsedPage, parsed
from tests.verdicts.sides import made_side

WORDS = labels_of("en")
CARD = ROOT / "model_cards" / "needle-tiny"
KEPT = CARD / "sweep" / "none"
HOSTILE = "</strong><img src=x onerror=alert(1)>"


def shown(*runs: PageRun, is_published: bool = False, language: str = "en") -> ParsedPage:
    """The section of these runs."""
    part = summary_part(runs, labels_of(language), is_published=is_published)
    return parsed(part, runs=runs, language=language)


def doubts(page: ParsedPage) -> list[tuple[str, str, list[str]]]:
    """Kind, text and links of each doubt, in order."""
    return [(each["data-kind"], text, links) for each, text, links in page.items if "data-kind" in each]


def of_task(**fields: Any) -> PageRun:
    """A run of one task."""
    return made_run(made_scores({"a": made_task(**fields)}))


def ran(**parts: Mapping[str, Any]) -> PageRun:
    """A run with a manifest of these parts."""
    return made_run(made_scores({"a": made_task()}), manifest=parts)


LOST = TruncationScore(truncated=9, evidence_lost=4, score_truncated=1.0, score_whole=2.0)
DRAWS = TaskDraws(scores=[1.0, 2.0], spread=0.5, range=(1.0, 2.0), per_sample=2, answers=395, failed=0)
MISSING = made_run(made_scores({"a": made_task()}, missing=["b", "c"], partial=True))
MADE = {
    "written": (replace(of_task(), is_being_written=True), "200", "run=0"),
    "tasks": (MISSING, "1 of 3", None),
    "samples": (of_task(n=150), "150 of 200", ""),
    "draws": (of_task(draws=DRAWS), "5 of 400", "task=a&failed=1"),
    "failed": (of_task(n=197, failed=3), "3 of 200", "task=a&failed=1"),
    "starved": (of_task(lost_to_reasoning=12, empty=12), "12 of 200", "task=a&starved=1&scored=1"),
    "lost": (of_task(truncation=LOST), "4 samples, of 9", "task=a&lost=1&scored=1"),
    "altered": (of_task(notes=[ALTERED]), "1 of 1 tasks", "task=a"),
    "sampled": (ran(environment={"engine": {"decoding": "temperature 0.6"}}), "Not greedy", None),
    "left_out": (
        ran(identity={"sampling": "temperature 0.7, top-k 5"}, environment={"engine": {"left_out": ["top_k"]}}),
        "top-k",
        None,
    ),
    "drawn": (ran(identity={"sampling": "temperature 0.7"}), "temperature 0.7", None),
    "limit": (of_task(cut=20), "20 of 200", "task=a&limit=1&scored=1"),
    "empty": (of_task(empty=30, lost_to_reasoning=10), "20 of 200", "task=a&empty=1&starved=0"),
    "fragile": (of_task(fragile=7, margins=100), "7 of 100", "task=a&fragile=1&scored=1"),
    "clusters": (of_task(cluster_unit="sample"), "1 of 1 tasks", None),
    "read": (replace(of_task(), notes=["scores.jsonl: damaged, recomputed"]), "damaged, recomputed", None),
    "score": (made_run(made_scores({"a": made_task()}, notes=["3 failed: why"])), "3 failed: why", None),
    "task": (of_task(notes=["a quirk of the protocol"]), "a quirk of the protocol", "task=a"),
    "skipped": (made_run(made_scores({"a": made_task()}, skipped=["z"])), "z", None),
}


@pytest.mark.parametrize("kind", MADE)
def test_each_reason_for_doubt_is_said_with_its_count(kind: str) -> None:
    """Above the first score, with what to do, leading to the samples that it is about."""
    run, count, query = MADE[kind]

    page = shown(run)

    found = {name: (text, links) for name, text, links in doubts(page)}
    text, links = found[kind]
    assert count in text
    assert page.text.index(text[:20]) < page.text.index("44.86")
    if query is not None and kind != "written":
        assert [f"#samples?run=0&{query}"] * bool(query) == links
    assert WORDS.get(f"doubt_{kind}_do", "").rpartition("}")[2] in text


def test_where_nothing_gives_reason_to_doubt_it_says_so() -> None:
    """A whole, clean run."""
    page = shown(of_task(cut=0, lost_to_reasoning=0, fragile=0, margins=200))

    assert [] == doubts(page)
    assert WORDS["summary_no_doubts"] in page.text


def test_the_most_serious_comes_first_whichever_run_has_it() -> None:
    """Numbers that are not the benchmark's, then what may be wrong, then what is worth knowing; each names its run."""
    first = made_run(made_scores({"a": made_task(fragile=1, margins=2, cut=50)}), "first")
    second = made_run(made_scores({"a": made_task(n=199, failed=1)}), "second")

    found = doubts(shown(first, second))

    assert ["failed", "limit", "fragile"] == [kind for kind, _, _ in found]
    assert ["second", "first", "first"] == [text.split()[0] for _, text, _ in found]
    assert ["#samples?run=1&task=a&failed=1"] == found[0][2]


def test_a_count_over_many_tasks_names_the_worst_and_counts_the_rest() -> None:
    """Most first; the link behind the rest shows all."""
    tasks = {f"t{place}": made_task(n=200 - place, failed=place) for place in range(1, 10)}

    (doubt,) = [each for each in doubts_of(made_run(made_scores(tasks)), 4, WORDS) if each.kind == "failed"]

    assert "45 of 1,800" in doubt.text
    assert ["t9 (9)", "t8 (8)", "t7 (7)", "t6 (6)", "t5 (5)", "t4 (4)", "3 more tasks"] == [e.text for e in doubt.links]
    assert "#samples?run=4&failed=1" == doubt.links[-1].route


def test_what_a_count_says_is_not_said_again_by_a_note() -> None:
    """Starved and cut answers have notes of their own in `scores.json`."""
    notes = ["12 of 200 answers are empty because reasoning took all tokens; raise it", "a quirk"]

    kinds = [kind for kind, _, _ in doubts(shown(of_task(lost_to_reasoning=12, empty=12, notes=notes)))]

    assert ["starved", "task"] == kinds


@pytest.mark.parametrize("shown_folder", ["run", "scores"])
def test_an_edited_manifest_is_said_once(evalkit: Command, tmp_path: Path, shown_folder: str) -> None:
    """By what it was changed in, of a folder of the run's scores too; it is not repeated among notes of the scores."""
    folder = tmp_path / "run"
    assert 0 == evalkit("run", CARD, "needle", "--lengths", "128", "--depths", "50", "--out", folder).code
    manifest = folder / "run.json"
    manifest.write_text(manifest.read_text().replace('"title": "needle-tiny (embedded)"', '"title": "great"'))
    assert 0 == evalkit("score", folder, "--out", tmp_path / "scores").code

    page = shown(*read_runs([tmp_path / shown_folder]))

    found = [(kind, text) for kind, text, _ in doubts(page) if "run.json" in text or kind == "edited"]
    assert ["edited"] == [kind for kind, _ in found]
    assert "settings.title" in found[0][1]
    assert hashlib.sha256((folder / "samples.jsonl").read_bytes()).hexdigest() in page.text
    assert "(time of the file)" in page.text


def test_the_number_of_a_run_is_its_overall_score_or_what_there_is() -> None:
    """Overall, else groups, else tasks; in full, with interval and samples."""
    task = {"a": made_task(), "b": made_task(score=1.5, n=10, ci95=None)}
    overall = OverallScore(score=23.1775615, rule="the mean", ci95=(20.5, 25.75))
    groups = {"g": means_of(["a", "b"])}
    pages = [
        shown(made_run(made_scores(task, groups=groups, overall=overall))),
        shown(made_run(made_scores(task, groups=groups))),
        shown(made_run(made_scores(task))),
    ]

    values = [[float(e["data-value"]) for _, e in page.elements if e.get("class") == "big"] for page in pages]
    counts = [[e["data-value"] for tag, e in page.elements if tag == "span" and "data-value" in e] for page in pages]
    ends = [float(e[key]) for _, e in pages[0].elements if "data-low" in e for key in ("data-low", "data-high")]

    assert [[23.1775615], [44.5], [44.855123, 1.5]] == values
    assert [["210"], ["210"], ["200", "10"]] == counts
    assert [20.5, 25.75] == ends


def test_several_runs_have_a_row_each() -> None:
    """Run, model, protocol, number with interval, samples; what differs between them is marked."""
    runs = [
        made_run(made_scores({"a": made_task(score=value)}, protocol=protocol, model="m"), protocol)
        for value, protocol in ((12.3456, "x"), (65.4321, "y"))
    ]

    page = shown(*runs)

    table = page.tables[0]
    assert ["run", "model", "protocol", "a", "samples"] == table.headings
    assert [12.3456, 65.4321] == [table.lines[name]["a"].value for name in ("x", "y")]
    facts = page.tables[1]
    differing = [row[0].text for row, kind in zip(facts.rows, facts.kinds, strict=True) if kind == "differs"]
    assert ["Protocol"] == differing


def test_what_was_run_is_what_the_manifest_says() -> None:
    """Window, truncation, RoPE, engine with version, number format and device, decoding."""
    run = ran(
        identity={
            "max_seq_len": 8192, "truncation": "middle", "rope": "dynamic:4", "backend": "hf", "sampling": "greedy",
            "dtype": "auto", "max_new_tokens": 64,
        },
        settings={"context_length": 4096, "unit": "tokens"},
        environment={
            "evalkit": "9.9", "transformers": "5.0", "torch": "2.9", "engine": {"dtype": "float32", "device": "cpu"},
        },
    )  # fmt: skip

    facts = {row[0].text: row[1].text for row in shown(run).tables[0].rows}

    assert "8,192 tokens · made for 4,096" == facts["Window"]
    assert "middle" == facts["Truncation"]
    assert "dynamic:4" == facts["RoPE"]
    assert "hf (transformers 5.0, torch 2.9) · float32 · cpu" == facts["Engine"]
    assert "greedy · at most 64 new tokens" == facts["Decoding"]
    assert "evalkit 9.9" == facts["Answers from"]
    assert "200/200 samples · 1/1 tasks" == facts["Coverage"]


def test_verdicts_are_those_of_compare(evalkit: Command) -> None:
    """Every number of the table, its verdict and why, as `evalkit compare RUN published --json` has them."""
    said = json.loads(evalkit("compare", KEPT, "published", "--json", "-").out)

    page = shown(*read_runs([KEPT]), is_published=True)

    _check_verdicts(page, said)


def _check_verdicts(page: ParsedPage, said: Mapping[str, Any]) -> None:
    numbers = {**said["tasks"], **said["groups"], **({"overall": said["overall"]} if said["overall"] else {})}
    (table,) = [each for each in page.tables if "published:" in each.caption]
    assert {*numbers} == {*table.lines}
    for name, number in numbers.items():
        cells = table.lines[name]
        assert number["published"] == cells["published"].value
        assert number["published_text"] == cells["published"].text
        assert number["ours"] == cells["ours"].value
        assert number["n"] == cells["n"].value
        assert number["margin"] == cells["margin"].value
        assert number["verdict"] == cells["verdict"].text
        assert (number["bound"] is None) == (cells["within"].value is None)
        if number["bound"] is not None:
            assert number["bound"] == pytest.approx(cells["within"].value, abs=1e-4)
        assert number["reason"] in cells.get("why, and what would settle it", cells["verdict"]).text
    counts = {e["data-verdict"]: int(e["data-value"]) for _, e in page.elements if "data-verdict" in e}
    assert len(numbers) == sum(counts.values())


def test_verdicts_of_tasks_and_means_have_their_intervals() -> None:
    """A made run of a model with published numbers: differences, bounds and what would settle them."""
    side = made_side(
        {"trec": [100.0] * 140 + [0.0] * 60, "lcc": [50.0] * 500}, benchmark="longbench", protocol="opencompass"
    )
    scores = side.measured.scores.model_copy(update={"model": "gpt-4"})
    measured = replace(side.measured, scores=scores)
    run = PageRun("made", Path("made"), scores, measured.spec, measured, None, [])

    page = shown(run, is_published=True)

    said = hold_published(replace(side, measured=measured)).to_json()
    assert {"U"} == {said["mode"]}
    _check_verdicts(page, said)
    cells = next(each for each in page.tables if "published:" in each.caption).lines["trec"]
    assert pytest.approx(70.0 - 79.0, abs=0.5) == cells["diff."].value
    assert "unpaired" == cells["mode"].text


def test_a_run_without_published_numbers_says_so() -> None:
    """Whatever the reason is, and never with an error."""
    kept = read_runs([KEPT])[0]
    unknown = kept.scores.model_copy(update={"model": "nobody"})
    assert kept.measured is not None
    renamed = replace(kept, scores=unknown, measured=replace(kept.measured, scores=unknown))

    pages = [shown(each, is_published=True).text for each in (of_task(), replace(kept, is_being_written=True), renamed)]
    elsewhere = shown(replace(kept, scores=kept.scores.model_copy(update={"benchmark": "quiz"})), is_published=True)

    assert WORDS["verdict_unmeasured"] in pages[0]
    assert WORDS["verdict_written"] in pages[1]
    assert "nobody" in pages[2]
    assert "Nothing is published here for Needle grid." in elsewhere.text


@pytest.mark.parametrize(
    "options",
    [
        ["--lengths", "128,256", "--depths", "0,50", "--repeats", "2", "--rope", "dynamic:2", "--rope-grid", "1.5"],
        ["--lengths", "128", "--depths", "50", "--max-new-tokens", "5", "--truncation", "none", "--limit", "1"],
        ["--lengths", "128", "--depths", "50", "--temperature", "0.5", "--samples-per-question", "2",
         "--sampling-seed", "3", "--no-prefix-reuse", "--option", "needle-count=1", "--repeat-haystack"],
        ["--lengths", "128", "--depths", "0,50", "--max-seq-len", "512", "--dtype", "float32", "--samples", "random:1"],
    ],
)  # fmt: skip
def test_the_command_makes_the_same_run(evalkit: Command, tmp_path: Path, options: list[str]) -> None:
    """In the folder of the run it finds every answer there already: it asks for the same samples in the same way."""
    folder = tmp_path / "run"
    assert 0 == evalkit("run", CARD, "needle", *options, "--out", folder).code

    (run,) = read_runs([folder])
    page = shown(run)

    command = next(line for line in page.text.splitlines() if line.startswith("evalkit run"))
    again = evalkit(*split(command)[1:], "--out", folder)
    assert 0 == again.code, again.err
    assert "0 answered" in again.err
    assert read_runs([folder])[0].scores == run.scores


def test_outputs_made_elsewhere_tell_where_from(evalkit: Command, tmp_path: Path) -> None:
    """The command that scores them, and the digest of the answers that are kept."""
    outputs = tmp_path / "my model's"
    outputs.mkdir()
    rows = [{"pred": "x", "answers": [f"x {n}"], "all_classes": None, "length": 9000 + n} for n in range(30)]
    (outputs / "hotpotqa.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    scored = tmp_path / "scored"
    assert 0 == evalkit("score", outputs, "--format", "longbench", "--out", scored).code

    page = shown(*read_runs([scored]))

    command = next(line for line in page.text.splitlines() if line.startswith("evalkit score"))
    again = evalkit(*[word if word != "DIR" else str(tmp_path / "again") for word in split(command)[1:]])
    assert 0 == again.code, again.err
    assert (scored / "scores.json").read_text() == (tmp_path / "again" / "scores.json").read_text()
    assert json.loads((scored / "outputs.json").read_text())["answers_sha256"] in page.text


def test_names_of_others_are_texts() -> None:
    """In run names, models, manifests, notes, digests and published reasons."""
    manifest = {
        "identity": {"rope": HOSTILE, "truncation": HOSTILE, "weights": HOSTILE, "data": {HOSTILE: HOSTILE}},
        "settings": {"model": HOSTILE, "benchmark": HOSTILE, "label": f"p+{HOSTILE}", "options": {}},
        "environment": {"torch": HOSTILE, "engine": {HOSTILE: HOSTILE, "device": HOSTILE}},
    }
    scores = made_scores({"a": made_task(notes=[HOSTILE])}, model=HOSTILE, protocol=HOSTILE, notes=[HOSTILE])
    run = made_run(scores, HOSTILE, manifest=manifest, notes=[HOSTILE])

    page = shown(run, made_run(made_scores({"a": made_task(n=1, failed=2)})), is_published=True)

    assert "img" not in {tag for tag, _ in page.elements}
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert page.text.count(HOSTILE) > 15


def test_the_words_are_those_of_the_language() -> None:
    """What the run itself says stays as it is."""
    text = shown(MADE["failed"][0], language="zh").text

    assert labels_of("zh")["summary_doubts"] in text
    assert WORDS["summary_doubts"] not in text
