"""A run stops by itself where sample after sample fails alike, and nothing that is finished is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from evalkit.errors import RunStoppedError
from evalkit.models import Completion
from evalkit.runs import RunOutcome, read_records_of_run
from evalkit.runs._failures import AT_FIRST, LATER, FailureWatch

Start = Callable[..., RunOutcome]
GOOD = Completion(0, text="so")


def failed(reason: str, *, is_of_prompt: bool = False) -> Completion:
    """A completion without an answer."""
    return Completion(0, finish_reason="error", error=reason, is_of_prompt=is_of_prompt)


def taken(*completions: Completion) -> int:
    """How many completions a run takes before it stops; all of them where it does not."""
    watch = FailureWatch()
    for number, completion in enumerate(completions, 1):
        try:
            watch.take(completion)
        except RunStoppedError:
            return number
    return len(completions)


def test_a_run_that_answered_nothing_stops_soon() -> None:
    """Numbers in a reason are of the sample."""
    assert AT_FIRST == taken(*(failed(f"kernel failed at {number}") for number in range(99)))


def test_behind_an_answer_it_has_more_patience() -> None:
    """A server may be down for a while."""
    assert 1 + LATER == taken(GOOD, *[failed("down")] * 99)


def test_other_reasons_and_answers_between_begin_anew() -> None:
    """Only what is alike and in a row tells of the whole run."""
    assert 80 == taken(*(failed(reason) for _ in range(40) for reason in ("a kernel", "a shape")))
    assert 99 == taken(*([failed("down")] * 4 + [GOOD]), *[failed("down")] * (LATER - 1), *[GOOD] * 75)


def test_failures_of_prompts_neither_count_nor_break_a_row() -> None:
    """A prompt that is too long says nothing of the next one."""
    long = failed("too long", is_of_prompt=True)

    assert 99 == taken(*[long] * 99)
    assert 2 * AT_FIRST - 1 == taken(*[failed("down"), long] * 50)


def test_a_stopped_run_keeps_its_records_and_goes_on(start: Start, new_adapter: Callable[..., Any], bare: Path) -> None:
    """Five failures are recorded and tried again by the next call."""
    with pytest.raises(RunStoppedError, match=r"5 samples in a row failed alike \(the kernel gave up") as caught:
        start(new_adapter(failing=range(48)))
    records = list(read_records_of_run(bare / "run"))
    outcome = start()

    assert 1 == len(str(caught.value).splitlines())
    assert AT_FIRST == len(records)
    assert (48, 0) == (outcome.finished, outcome.failed)


@pytest.mark.parametrize("batch", ["1", "4"])
def test_a_model_without_numbers_ends_in_one_line_and_exit_code_1(
    batch: str, evalkit: Callable[..., Any], toy: str, save_model: Callable[..., Path], bare: Path
) -> None:
    """From weights that are not finite to the command's end."""
    from safetensors.torch import load_file, save_file

    folder = save_model()
    path = folder / "model.safetensors"
    save_file({**load_file(path), "model.norm.weight": torch.full((32,), torch.nan)}, path, metadata={"format": "pt"})

    outcome = evalkit("run", folder, toy, "--backend", "hf", "--dtype", "float32", "--batch", batch, "--out", "run")

    assert 1 == outcome.code, outcome
    assert "5 samples in a row failed alike (RuntimeError: the model's logits are not finite" in outcome.err
    assert "Traceback" not in outcome.err
    assert AT_FIRST == len(list(read_records_of_run(bare / "run")))
