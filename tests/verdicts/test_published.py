"""A run beside published numbers: which verdict, in which mode, and why there is none."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import UnknownNameError, UserError
from evalkit.published import PinnedOutputs, PublishedScore
from evalkit.scores import ALTERED
from evalkit.verdicts import (
    NumberVerdict,
    PublishedComparison,
    Side,
    Target,
    Verdict,
    _evidence,
    choose_rows,
    compare_published,
)

from .made import right
from .sides import made_manifest, made_row, made_side


def compared(side: Side, rows: Sequence[PublishedScore], reruns: Sequence[Side] = ()) -> PublishedComparison:
    return compare_published(side, Target("m", "native", tuple(rows)), reruns)


def single(side: Side, row: PublishedScore, reruns: Sequence[Side] = ()) -> NumberVerdict:
    return compared(side, [row], reruns).tasks[row.task]


def rerun(points: Sequence[float], name: str, **engine: Any) -> Side:
    return made_side({"trec": points}, manifest=made_manifest(engine=engine), name=name)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes a side the published answers of every row that names some."""

    def publish(theirs: Side) -> None:
        found = PinnedOutputs(Path("x"), "longbench", "official")
        monkeypatch.setattr(_evidence, "pinned_outputs", lambda _: found)
        monkeypatch.setattr(_evidence, "read_side", lambda *_: theirs)

    return publish


def test_answers_that_are_the_published_ones_hold_to_within_rounding(answers: Any) -> None:
    """Mode P: nothing is in doubt but the digits."""
    side = made_side({"trec": right(137, 200)})
    answers(side)

    number = single(side, made_row("trec", "68.5", outputs="x/y"))

    assert (Verdict.HELD, "P") == (number.verdict, number.mode)
    assert number.judged is not None
    assert 0.05 == pytest.approx(number.judged.bound)


def test_answers_that_lean_over_the_whole_table_are_not_held(answers: Any) -> None:
    """Four worse and one better say nothing of a task, sixteen and four do of a table; unchanged ones are held."""
    tasks = ("trec", "lsht", "hotpotqa", "musique")
    theirs, ours = right(280, 400), [*[0.0] * 4, *right(276, 395), 100.0]
    answers(made_side(dict.fromkeys((*tasks, "qasper"), theirs)))

    rows = [made_row(task, "70", outputs="x/y") for task in (*tasks, "qasper")]
    alone = compared(made_side({"trec": ours}), rows[:1])
    found = compared(made_side({**dict.fromkeys(tasks, ours), "qasper": theirs}), rows)

    verdicts = {name: number.verdict for name, number in found.tasks.items()}
    assert Verdict.HELD == alone.table_verdict
    assert {**dict.fromkeys(tasks, Verdict.INCONCLUSIVE), "qasper": Verdict.HELD} == verdicts
    assert "16 worse, 4 better" in found.tasks["trec"].reason
    assert Verdict.INCONCLUSIVE == found.table_verdict


def test_published_answers_that_do_not_give_the_number_are_left_aside(answers: Any) -> None:
    """They are not the run behind it; what they score is said, and the printed digits decide."""
    answers(made_side({"trec": right(100, 200)}))

    number = single(made_side({"trec": right(137, 200)}), made_row("trec", "68.5", outputs="x/y"))

    assert "U" == number.mode
    assert "score 50.0000, not the printed 68.5" in number.reason


def test_one_run_and_a_printed_number_rarely_tell(answers: Any) -> None:  # noqa: ARG001
    """Mode U: 200 answers are too few for 3 points, and what would settle it is said."""
    number = single(made_side({"trec": right(137, 200)}), made_row("trec", "68.5"))

    assert (Verdict.INCONCLUSIVE, "U") == (number.verdict, number.mode)
    assert "two or more runs" in number.settle


def test_a_gap_that_no_noise_explains_differs() -> None:
    """It is said by how many points at least."""
    number = single(made_side({"trec": right(40, 400)}), made_row("trec", "90"))

    assert Verdict.DIFFERS == number.verdict
    assert number.judged is not None
    assert 60 < number.judged.low < 80


def test_reruns_that_agree_make_a_number_hold() -> None:
    """Mode R: two runs of 200 answers without a flip vouch for about a point."""
    side = rerun(right(137, 200), "a")

    number = single(side, made_row("trec", "68.5"), [rerun(right(137, 200), "b", batch=1)])

    assert (Verdict.HELD, "R") == (number.verdict, number.mode)
    assert number.judged is not None
    assert 1 < number.judged.bound < 2


def test_runs_of_several_draws_count_one_published_draw_as_noisier() -> None:
    """Our means of four draws move half as much as one draw does; other numbers of draws are no rerun."""

    def drawn(name: str, draws: int, batch: int) -> Side:
        manifest = made_manifest(settings={"samples_per_question": draws}, engine={"batch": batch})
        return made_side({"trec": right(137, 200)}, manifest=manifest, name=name)

    one, four = (
        single(drawn("a", draws, 1), made_row("trec", "68.5"), [drawn("b", draws, 2)]).judged for draws in (1, 4)
    )

    assert one is not None and four is not None
    assert ((4 + 1 / 2) / (1 + 1 / 2)) ** 0.5 == pytest.approx((four.bound - 0.05) / (one.bound - 0.05))
    with pytest.raises(UserError, match=r"not as many draws of each sample \(4, 1\)"):
        single(drawn("a", 4, 1), made_row("trec", "68.5"), [drawn("b", 1, 2)])


def test_a_number_that_only_its_table_takes_back_is_not_settled_by_fewer_samples() -> None:
    """Holm's correction over many numbers needs more, not the samples at which one number differs alone."""
    names = ("trec", "hotpotqa", "musique", "qasper", "lcc")
    side = made_side({name: right(140 if name != "trec" else 167, 200) for name in names})
    rows = [made_row(name, "70.0", n=200) for name in names]

    number = compared(side, rows).tasks["trec"]

    assert Verdict.INCONCLUSIVE is number.verdict and "Holm" in number.reason
    assert "differs by itself, but many numbers are tested" in number.settle


def test_a_rerun_that_changes_what_the_source_pins_is_refused() -> None:
    """The knob is named, with both values."""
    other = made_side({"trec": right(137, 200)}, manifest=made_manifest(engine={"dtype": "bfloat16"}), name="b")

    with pytest.raises(UserError, match=r"pins: dtype \(float32, bfloat16\)"):
        single(rerun(right(137, 200), "a"), made_row("trec", "68.5", knobs={"dtype": "float32"}), [other])

    assert "R" == single(rerun(right(137, 200), "a"), made_row("trec", "68.5"), [other]).mode


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (rerun(right(137, 200), "b"), "tell nothing of the noise"),
        (rerun(right(137, 200), "a", batch=1), "is the run itself"),
        (made_side({"trec": right(137, 200)}, name="b"), "does not say how it was made"),
        (
            made_side({"trec": right(137, 200)}, name="b", manifest=made_manifest({"model": "other"})),
            "not the same model",
        ),
    ],
)
def test_what_is_no_rerun_is_refused(other: Side, reason: str) -> None:
    """The same settings again, the run itself, outputs of nobody knows what, another model."""
    with pytest.raises(UserError, match=reason):
        single(rerun(right(137, 200), "a"), made_row("trec", "68.5"), [other])


@pytest.mark.parametrize(
    ("changes", "row", "reason"),
    [
        ({"failed": 2}, {}, "2 samples failed"),
        ({"expected": 300}, {}, "200 of 300 samples"),
        ({"notes": [ALTERED]}, {}, "not the pinned one"),
        ({}, {"n": 199}, "of 200 samples, the published number of 199"),
        ({}, {"protocol": "opencompass"}, "--protocol opencompass scores again"),
    ],
)
def test_what_is_no_answer_to_the_same_question_is_not_comparable(
    changes: dict[str, Any], row: dict[str, Any], reason: str
) -> None:
    """Failed samples, a part of the task, altered data, another number of samples, another protocol."""
    number = single(made_side({"trec": right(137, 200)}, **changes), made_row("trec", "68.5", **row))

    assert (Verdict.NOT_COMPARABLE, None) == (number.verdict, number.judged)
    assert reason in number.reason


def test_an_identity_knob_that_differs_stands_in_the_way_and_others_do_not() -> None:
    """Prompts of another source are another question; another dtype is named beside the verdict."""
    side = made_side({"trec": right(137, 200)}, manifest=made_manifest())
    row = made_row("trec", "68.5", knobs={"prompt": "lemma"})

    number = single(side, row)
    other = single(side, made_row("trec", "68.5", knobs={"dtype": "float16"}))

    assert (Verdict.NOT_COMPARABLE, "prompt: ours official, published lemma (stated)") == (
        number.verdict,
        number.reason,
    )
    assert Verdict.INCONCLUSIVE == other.verdict


def test_differences_are_corrected_for_the_numbers_of_their_table() -> None:
    """Alone it differs at 5%; among twenty it is one that chance brings."""
    side = made_side({"trec": right(145, 200)})
    row = made_row("trec", "60")
    alone = single(side, row)
    calm = {task: right(120, 200) for task in list(side.measured.spec.tasks)[:15] if task != "trec"}

    among = compared(made_side({"trec": right(145, 200), **calm}), [row, *(made_row(task, "60") for task in calm)])

    assert Verdict.DIFFERS == alone.verdict
    assert Verdict.INCONCLUSIVE == among.tasks["trec"].verdict
    assert "Holm" in among.tasks["trec"].reason


def test_a_table_of_which_a_part_was_run_is_not_held(answers: Any) -> None:
    """The numbers that were not run are named."""
    side = made_side({"trec": right(137, 200)})
    answers(side)

    found = compared(side, [made_row("trec", "68.5", outputs="x/y"), made_row("lsht", "20", outputs="x/y")])

    assert (("lsht",), Verdict.HELD, Verdict.INCONCLUSIVE) == (
        found.absent,
        found.tasks["trec"].verdict,
        found.table_verdict,
    )


def test_a_length_of_a_grid_is_held_against_its_own_samples() -> None:
    """Of a grid of two lengths, each number has half of the samples."""
    side = made_side({"single": [100.0, 0.0] * 90}, benchmark="needle", protocol="keyword", lengths=(2048, 4096))
    rows = [
        made_row(str(length), printed, benchmark="needle", kind="length", protocol="keyword", n=90)
        for length, printed in ((2048, "100"), (4096, "0"))
    ]

    found = compared(side, rows)

    assert {"2048": (100.0, 90), "4096": (0.0, 90)} == {
        name: (number.ours, number.n) for name, number in found.tasks.items()
    }


SYNTHETIC = ("passage_count", "passage_retrieval_en", "passage_retrieval_zh")


def test_a_mean_is_held_against_the_mean_of_its_tasks(answers: Any) -> None:
    """Its error is made of theirs, in the weakest of their modes."""
    side = made_side({task: right(20, 200) for task in SYNTHETIC}, groups={"synthetic": SYNTHETIC})
    rows = [*(made_row(task, "10", outputs="x/y") for task in SYNTHETIC), made_row("synthetic", "10", kind="group")]
    unpaired = compared(side, [replace(row, outputs="") for row in rows]).groups["synthetic"]
    answers(side)

    paired = compared(side, rows).groups["synthetic"]

    assert ("P", Verdict.HELD, 600) == (paired.mode, paired.verdict, paired.n)
    assert ("U", Verdict.INCONCLUSIVE) == (unpaired.mode, unpaired.verdict)


def test_a_mean_whose_table_lacks_a_task_is_not_comparable() -> None:
    """A dash that counted as 0 is no score of ours."""
    side = made_side({task: right(20, 200) for task in SYNTHETIC}, groups={"synthetic": SYNTHETIC})

    number = compared(
        side, [*(made_row(task, "10") for task in SYNTHETIC[1:]), made_row("synthetic", "6.7", kind="group")]
    ).groups["synthetic"]

    assert Verdict.NOT_COMPARABLE == number.verdict
    assert "the published mean has no score of passage_count in it" == number.reason


def test_rows_are_chosen_by_model_rope_and_protocol() -> None:
    """A published name, or the folder of published answers; an unknown one names the nearest."""
    side = made_side({"trec": right(1, 2)})
    own, other = made_row("trec", "50"), made_row("trec", "40", protocol="opencompass")
    far = replace(own, model="llama", outputs="source/m-folder")

    assert (own,) == choose_rows(side, [own, other, far]).rows
    assert (other,) == choose_rows(side, [other, far]).rows
    assert "llama" == choose_rows(side, [far], "m-folder").model
    with pytest.raises(UnknownNameError, match="did you mean 'llama'"):
        choose_rows(side, [own, far], "lama")
    with pytest.raises(UserError, match="published for m with dynamic:8"):
        choose_rows(side, [replace(own, rope="dynamic:8")])


def test_the_object_for_programs_has_no_infinity() -> None:
    """What cannot be told is null."""
    found = compared(made_side({"trec": right(137, 200)}), [made_row("trec", "68.5"), made_row("lsht", "20")])

    said = found.to_json()

    assert {"published", "ours", "difference", "verdict", "bound", "margin", "low", "p", "reason", "settle"} <= set(
        said["tasks"]["trec"]
    )
    assert "Infinity" not in json.dumps(said)


def test_what_is_odd_about_a_run_is_said_with_its_verdicts() -> None:
    """An edited manifest, for example: the scores say so, and whoever reads a verdict has to know."""
    side = made_side({"trec": right(40, 400)})
    scores = side.measured.scores.model_copy(update={"notes": ["run.json: changed since evalkit wrote it"]})

    found = compared(replace(side, measured=replace(side.measured, scores=scores)), [made_row("trec", "90")])

    assert "run.json: changed since evalkit wrote it" in found.notes
