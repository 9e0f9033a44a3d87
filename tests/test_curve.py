"""Perplexity curves: numbers of transformers' own, the same however they were interrupted."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit._curve import CurveRequest, OpenCurve, _load, measure_curve, open_curve
from evalkit.cards import load_card
from evalkit.errors import RunConflictError, SampleError, UserError
from evalkit.perplexity import Curve, Walk, WindowRule, find_texts
from evalkit.prompts import load_tokenizer
from evalkit.reports import write_curve
from evalkit.rope import RopeSetting, parse_rope
from evalkit.settings import RunSettings

SaveModel = Callable[..., Path]

WINDOW = 48
LENGTHS = (24, 48, 96, 130)
SPECS = (
    *("native", "none", "linear:4", "ntk:4", "dynamic:4", "yarn:4", "dynamic-yarn", "base:320000"),
    "llama3:4,high_freq_factor=4,low_freq_factor=1",
)


class Quiet:
    """Keeps notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)

    def planned(self, *_: object) -> None: ...

    def finished(self, *_: object) -> None: ...


class Counting:
    """A model that counts the tokens it computes, and stops after some windows as a killed process would."""

    def __init__(self, opened: OpenCurve, most: int = 10**9) -> None:
        self._model = _load(opened, Quiet())
        self._most = most
        self.passes: list[int] = []

    def token_losses(self, rope: RopeSetting, ids: Any) -> Any:
        if len(self.passes) == self._most:
            raise KeyboardInterrupt
        self.passes.append(len(ids))
        return self._model.token_losses(rope, ids)


@pytest.fixture(scope="module")
def model(save_model: SaveModel) -> Path:
    """Made for 48 tokens."""
    return save_model(max_position_embeddings=WINDOW)


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """Six documents of several windows, and one too short for any."""
    draw, folder = random.Random(4), tmp_path / "text"
    folder.mkdir()
    for number in range(6):
        words = (f"word{draw.randrange(100)}" for _ in range(60 + 20 * number))
        (folder / f"{number}.txt").write_text(" ".join(words))
    (folder / "short.md").write_text("word1 word2")
    return folder


def request(model: Path, text: Path, *specs: str, **changes: Any) -> CurveRequest:
    """A curve in a folder beside the text."""
    given = {"lengths": LENGTHS, **changes}
    settings = RunSettings(model=str(model), benchmarks=(), out=text.parent / "out", dtype="float32")
    return CurveRequest(settings, text, tuple(map(parse_rope, specs)), **given)


def measured(asked: CurveRequest, **options: Any) -> Curve:
    """The curve."""
    return measure_curve(open_curve(asked), Quiet(), **options)


def windows_of(model: Path, text: Path, rule: WindowRule, limit: int | None = None) -> Iterator[Any]:
    """All windows of so many documents."""
    tokenizer = load_tokenizer(load_card(model))
    for document in find_texts(text).documents(limit):
        yield from Walk((piece.ids for piece in document.tokens(tokenizer)), rule)


def plain_loss(folder: Path, windows: list[tuple[list[int], int]]) -> float:
    """Mean loss of the tokens from a place on, one window at a time, from all logits, by a softmax in float64."""
    import torch
    from transformers import AutoModelForCausalLM

    model, losses = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval(), []
    for ids, first in windows:
        with torch.inference_mode():
            chances = torch.log_softmax(model(torch.tensor([ids])).logits[0].double(), dim=-1)
        losses.append(-chances[torch.arange(first - 1, len(ids) - 1), torch.tensor(ids[first:])].numpy())
    return float(np.concatenate(losses).mean())


@pytest.mark.parametrize("spec", SPECS)
def test_perplexity_is_that_of_a_plain_computation_per_window(
    spec: str, model: Path, text: Path, save_model: SaveModel, tmp_path: Path
) -> None:
    """At every length, by a model loaded with the setting for that length, to 1e-6."""
    opened = open_curve(request(model, text, spec))

    curve = measure_curve(opened, Quiet())

    cut = [window.ids.tolist() for window in windows_of(model, text, opened.rule)]
    assert (6, 1, {len(cut)}) == (curve.documents, curve.too_short, {*curve.counted_windows.values()})
    for point in curve.specs[0].points:
        parameters = opened.setting_of(parse_rope(spec), point.length).parameters()
        written = {"rope_parameters": parameters} if parameters else {}
        fresh = save_model(folder=tmp_path / f"m{point.length}", max_position_embeddings=WINDOW, **written)
        expected = plain_loss(fresh, [(ids[: point.length], 1) for ids in cut])
        assert np.exp(expected) == pytest.approx(point.perplexity, rel=1e-6)
        assert len(cut) * (point.length - 1) == point.tokens


@pytest.mark.parametrize("stride", [None, 10])
def test_sliding_windows_are_those_of_brute_force(
    stride: int | None, model: Path, text: Path, save_model: SaveModel, tmp_path: Path
) -> None:
    """Each token from the window in which it is new; every length predicts the same tokens."""
    opened = open_curve(
        request(model, text, "none", "dynamic:4", windows="sliding", stride=stride, limit=3, lengths=(24, 96))
    )

    curve = measure_curve(opened, Quiet())

    for spec in curve.specs:
        for point in spec.points:
            setting = opened.setting_of(parse_rope(spec.spec), point.length)
            folder = tmp_path / f"{spec.spec[:4]}{point.length}"
            fresh = save_model(folder=folder, max_position_embeddings=WINDOW, rope_parameters=setting.parameters())
            cut = [each for each in windows_of(model, text, opened.rule, 3) if each.length == point.length]
            expected = plain_loss(fresh, [(each.ids.tolist(), each.first) for each in cut])
            assert np.exp(expected) == pytest.approx(point.perplexity, rel=1e-6)
    assert 1 == len({point.tokens for spec in curve.specs for point in spec.points})


def test_a_setting_of_one_rotation_is_one_pass_over_each_window(model: Path, text: Path) -> None:
    """And what several specs share is computed once."""
    opened = open_curve(request(model, text, "none", "linear:2", "dynamic:4"))
    counting = Counting(opened)

    curve = measure_curve(opened, Quiet(), lambda: counting)

    windows = curve.counted_windows[LENGTHS[-1]]
    assert sorted([*[130] * 3, 96] * windows) == sorted(counting.passes)


def files(folder: Path) -> dict[str, bytes]:
    """The results that are no figures."""
    paths = [folder / "curve.json", folder / "windows.jsonl", *sorted((folder / "tables").iterdir())]
    return {path.name: path.read_bytes() for path in paths}


@pytest.mark.parametrize("windows", ["prefix", "sliding"])
def test_an_interrupted_curve_goes_on_to_the_same_numbers(windows: str, model: Path, text: Path) -> None:
    """To the last bit; nothing is computed twice, and a finished curve loads no model."""
    asked = request(model, text, "none", "dynamic:4", windows=windows, limit=3, lengths=(48, 96))
    out = text.parent / "out"
    write_curve(out, measured(asked))
    expected = files(out)
    out.rename(text.parent / "whole")
    passes, opened = 0, open_curve(asked)

    for most in (1, 4, 10**9):
        counting = Counting(opened, most)
        try:
            write_curve(out, measure_curve(opened, Quiet(), lambda counting=counting: counting))  # type: ignore[misc]
        except KeyboardInterrupt:
            log = out / "windows.jsonl"
            log.write_bytes(log.read_bytes() + b'{"document": "torn')
        passes += len(counting.passes)

    assert expected == files(out)
    assert expected["windows.jsonl"].count(b"\n") == passes
    assert (
        expected["curve.json"].decode()
        == json.dumps(measure_curve(opened, Quiet(), pytest.fail).to_json(), ensure_ascii=False, indent=1) + "\n"
    )


def test_a_spec_that_is_added_costs_its_own_passes(model: Path, text: Path) -> None:
    """Specs are no part of the identity, each line says its setting."""
    measured(request(model, text, "none"))
    opened = open_curve(request(model, text, "none", "dynamic:4"))
    counting = Counting(opened)

    curve = measure_curve(opened, Quiet(), lambda: counting)

    windows = curve.counted_windows[LENGTHS[-1]]
    assert sorted([96, 130] * windows) == sorted(counting.passes)
    assert [0.0, 0.0] == [point.difference for point in curve.specs[1].points[:2]]


def test_a_limit_can_be_raised(model: Path, text: Path) -> None:
    """Documents measured before count again."""
    assert 2 == measured(request(model, text, "none", limit=2)).documents

    assert measured(request(model, text, "none")) == measured(request(model, text, "none"))


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"lengths": (24, 48)}, "lengths"), ({"windows": "sliding"}, "windows")],
)
def test_another_curve_is_refused(changes: dict[str, Any], field: str, model: Path, text: Path) -> None:
    """By the field that differs."""
    measured(request(model, text, "none"))

    with pytest.raises(RunConflictError, match=f"holds a curve with another {field}.*its own --out"):
        measured(request(model, text, "none", **changes))


def test_other_weights_are_refused(model: Path, text: Path, save_model: SaveModel) -> None:
    """Though the model is called the same."""
    measured(request(model, text, "none"))
    other = save_model(max_position_embeddings=WINDOW, intermediate_size=48)

    with pytest.raises(RunConflictError, match="holds a curve with another weights"):
        measured(request(other, text, "none"))


def test_a_text_that_changed_is_refused(model: Path, text: Path) -> None:
    """By its size, or where that is the same by the document whose tokens are others."""
    measured(request(model, text, "none"))
    path = text / "3.txt"
    before = path.read_text()
    path.write_text(before[::-1])

    with pytest.raises(RunConflictError, match=r"3\.txt was measured with another text"):
        measured(request(model, text, "none"))
    path.write_text(before + " word1")
    with pytest.raises(RunConflictError, match="another text"):
        measured(request(model, text, "none"))


def test_lengths_that_no_document_has_are_left_out_and_said(model: Path, text: Path) -> None:
    """The others are as if these had not been asked for."""
    expected = measured(request(model, text, "none"))
    (text.parent / "out").rename(text.parent / "before")

    found = measured(request(model, text, "none", lengths=(*LENGTHS, 10_000, 20_000)))

    assert (LENGTHS, (10_000, 20_000)) == (found.lengths, found.unmeasured)
    assert expected.specs == found.specs
    assert all(any(f"length {each} is not measured" in note for note in found.notes) for each in ("10,000", "20,000"))


def test_few_documents_have_no_interval_and_that_is_said(model: Path, text: Path) -> None:
    """However many windows there are."""
    few, enough = (measured(request(model, text, "none", limit=limit)) for limit in (4, 5))

    assert few.specs[0].points[0].loss_ci95 is None and enough.specs[0].points[0].loss_ci95 is not None
    assert any("no intervals: 4 documents, and windows of one document are not independent" in n for n in few.notes)


def test_what_cannot_be_computed_ends_the_curve_and_keeps_what_is_finished(model: Path, text: Path) -> None:
    """An error is no loss."""

    class Failing(Counting):
        def token_losses(self, rope: RopeSetting, ids: Any) -> Any:
            if len(self.passes) == 3:
                raise SampleError("out of memory")
            return super().token_losses(rope, ids)

    opened = open_curve(request(model, text, "none"))

    with pytest.raises(UserError, match=r"window \d of 130 tokens under default/base=10000\.0: out of memory; fini"):
        measure_curve(opened, Quiet(), lambda: Failing(opened))

    assert 3 == (text.parent / "out" / "windows.jsonl").read_bytes().count(b"\n")


def test_a_scaling_of_the_models_own_that_follows_the_length_is_measured_length_by_length(
    text: Path, save_model: SaveModel
) -> None:
    """As a window of that length alone is turned."""
    own = {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 10000.0}
    folder = save_model(max_position_embeddings=WINDOW, rope_parameters=own)
    opened = open_curve(request(folder, text, "native"))

    curve = measure_curve(opened, Quiet())

    cut = [window.ids.tolist() for window in windows_of(folder, text, opened.rule)]
    for point in curve.specs[0].points:
        # One load for each window: what transformers turns by depends on the windows before.
        losses = [plain_loss(folder, [(ids[: point.length], 1)]) for ids in cut[:3]]
        lines = (json.loads(line) for line in (text.parent / "out" / "windows.jsonl").read_text().splitlines())
        found = [line["nats"][0] / line["tokens"][0] for line in lines if line["lengths"] == [point.length]]
        assert losses == pytest.approx(found[:3], rel=1e-6)
