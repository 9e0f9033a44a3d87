"""Whole runs through real servers give the table that transformers gives."""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import evalkit
from evalkit.cards import Card, Endpoint
from evalkit.errors import UserError
from evalkit.models import BackendOptions, Completion, GenerationRequest, PartialAnswer, Sampling
from evalkit.models.endpoint import EndpointModel
from evalkit.prompts import PromptTokenizer, token_array
from evalkit.rope import RopeSetting
from evalkit.tasks import StopRule
from tests.vllm.conftest import MODEL

NATIVE = RopeSetting("native")
GRID = {"lengths": "128,512,1024", "depths": "0,50,100", "repeats": "2"}
LEVAL = {"tasks": ("tpo", "coursera", "multidoc_qa"), "limit": 8, "max_seq_len": 1024, "max_new_tokens": 24}


def records(folder: Path) -> dict[str, str]:
    """Sample id → answer; no sample failed."""
    lines = [json.loads(line) for line in (folder / "samples.jsonl").read_text("utf-8").splitlines()]
    assert [] == [line["error"] for line in lines if line["error"]]
    return {line["id"]: line["text"] for line in lines}


def run(out: Path, benchmark: str, model: str = str(MODEL), **options: Any) -> tuple[Mapping[str, Any], dict[str, str]]:
    """Scores and answers of a run in float32."""
    result = evalkit.evaluate(model, benchmark, out=out, **{"dtype": "float32"} | options)
    return result.scores[benchmark].to_json()["tasks"], records(out)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> tuple[Mapping[str, Any], dict[str, str]]:
    """The grid as transformers answers it."""
    return run(tmp_path_factory.mktemp("hf") / "grid", "needle", options=GRID, backend="hf")


def by_a_server(scores: Mapping[str, Any]) -> dict[str, Any]:
    """The scores as a server's answers have them, of which nobody knows how near other ones were."""
    return {name: {**score, "margins": None, "fragile": None} for name, score in scores.items()}


def agreement(some: Mapping[str, str], others: Mapping[str, str]) -> float:
    """Share of samples with the same answer."""
    assert some.keys() == others.keys()
    return sum(some[key] == others[key] for key in some) / len(some)


def test_vllm_offline_gives_the_same_table(reference: Any, tmp_path: Path) -> None:
    """`--backend vllm` and `--backend hf` agree on every sample of a needle grid."""
    scores, answers = run(tmp_path / "run", "needle", options=GRID, backend="vllm")

    assert reference[1] == answers
    assert reference[0] == scores


def test_a_vllm_server_gives_the_same_table(reference: Any, vllm_server: str, tmp_path: Path) -> None:
    """Token ids sent to a server are answered as by the engine itself, and cached tokens are reported."""
    scores, answers = run(tmp_path / "run", "needle", options=GRID, base_url=vllm_server)

    assert reference[1] == answers
    assert by_a_server(reference[0]) == scores
    cached = [json.loads(line)["cached_tokens"] for line in (tmp_path / "run/samples.jsonl").open()]
    assert any(cached)


def test_two_vllm_servers_give_the_same_table(
    reference: Any, vllm_server: str, second_vllm_server: str, tmp_path: Path
) -> None:
    """They share the prompts, and every answer is the engine's own."""
    scores, answers = run(tmp_path / "run", "needle", options=GRID, base_url=[vllm_server, second_vllm_server])

    assert reference[1] == answers
    assert by_a_server(reference[0]) == scores
    logs = [(tmp_path / f"run/logs/replica-{number}.log").read_text("utf-8") for number in (1, 2)]
    assert all("is asked" in log for log in logs)


def test_an_address_alone_gives_the_same_table(reference: Any, vllm_server: str, tmp_path: Path) -> None:
    """Without a card, tokenizer and template are the server's; prompts and answers are the same."""
    scores, answers = run(tmp_path / "run", "needle", model=vllm_server, options=GRID)

    assert reference[1] == answers
    assert by_a_server(reference[0]) == scores


def test_transformers_serve_gives_the_same_table(reference: Any, transformers_server: str, tmp_path: Path) -> None:
    """A second, stricter server takes prompts as text; answers are the same but for ends of text that it keeps."""
    with pytest.warns(UserWarning, match="prompt must be a string"):
        _, answers = run(
            tmp_path / "run", "needle", options=GRID, base_url=transformers_server, engine={"model": str(MODEL)}
        )

    assert agreement(reference[1], answers) >= 0.99


@pytest.mark.parametrize("spec", ["none", "dynamic:4", "linear:4", "yarn:4"])
def test_rope_conditions_agree_beyond_the_window(tmp_path: Path, spec: str) -> None:
    """Each condition scores the same on both engines up to four times the window."""
    grid = {"lengths": "1024,2048,4096", "depths": "0,50,100", "repeats": "1"}
    theirs, expected = run(tmp_path / "hf", "needle", options=grid, rope=spec, backend="hf")

    ours, answers = run(tmp_path / "vllm", "needle", options=grid, rope=spec, backend="vllm")

    assert theirs == ours
    assert agreement(expected, answers) >= 0.99


def test_leval_agrees_over_engine_and_server(vllm_server: str, tmp_path: Path) -> None:
    """24 samples of L-Eval, cut to the window, have the same answers everywhere."""
    if "EVALKIT_DATA" not in os.environ:
        pytest.skip("EVALKIT_DATA is not set")
    _, expected = run(tmp_path / "hf", "leval", backend="hf", **LEVAL)

    _, offline = run(tmp_path / "vllm", "leval", backend="vllm", **LEVAL)
    _, served = run(tmp_path / "server", "leval", base_url=vllm_server, **LEVAL)

    assert 24 == len(expected)
    assert agreement(expected, offline) >= 0.99
    assert agreement(expected, served) >= 0.99


def test_a_name_that_is_not_served_is_refused(vllm_server: str, tmp_path: Path) -> None:
    """The real server's list of models is read."""
    with pytest.raises(UserError, match="did you mean 'needle-tiny'"):
        run(tmp_path / "run", "needle", base_url=vllm_server, engine={"model": "needle-tin"})


def test_a_prompt_beyond_the_servers_window_fails_alone(vllm_server: str, tmp_path: Path) -> None:
    """What does not fit the server fails with its reason; the rest of the grid is answered."""
    with pytest.warns(UserWarning, match="window"):
        result = evalkit.evaluate(
            str(MODEL), "needle", out=tmp_path / "run", base_url=vllm_server, options=GRID | {"lengths": "128,2048"}
        )

    lines = [json.loads(line) for line in (tmp_path / "run/samples.jsonl").read_text("utf-8").splitlines()]
    assert 6 == result.outcome.failed
    assert all("the server's window is 1088" in line["error"] for line in lines if line["error"])


@pytest.mark.parametrize("chat", ["tokenizer", "server"])
@pytest.mark.parametrize(
    "fields",
    [
        {"max_new_tokens": 200, "stop_rule": StopRule(min_new_tokens=200)},
        {"max_new_tokens": 60, "sampling": Sampling(0.3, 0.8, 5, 1.1, seed=7)},
        {"max_new_tokens": 60, "stop": ("@", "#", "$", "%", "e")},
    ],
    ids=["long", "drawn", "five stop strings"],
)
def test_a_vllm_server_streams_the_whole_answer(
    card: Card, tokenizer: PromptTokenizer, vllm_server: str, chat: str, fields: dict[str, Any]
) -> None:
    """By token ids and by messages, its streamed answer is the whole one, and begins long before its end."""
    server = Endpoint(base_url=vllm_server, model="needle-tiny")
    notes: list[str] = []
    told = card.model_copy(update={"endpoint": server, "chat": chat})
    model = EndpointModel(told, tokenizer, BackendOptions(note=notes.append))
    ids = token_array(tokenizer.encode("The secret of the harbour is a lantern. What is the secret? " * 10))
    request = GenerationRequest(0, ids, **fields)
    (whole,) = model.generate(NATIVE, [request])
    heard: list[PartialAnswer | Completion] = []
    times: list[float] = []

    for each in model.stream(NATIVE, request):
        times.append(time.perf_counter())
        heard.append(each)

    done = heard[-1]
    assert isinstance(done, Completion)
    assert whole.error is None
    assert replace(whole, seconds=0, cached_tokens=0) == replace(done, seconds=0, cached_tokens=0)
    assert all(after.text.startswith(before.text) for before, after in itertools.pairwise(heard))
    assert (None, []) == (model.engine_info.get("left_out"), notes)
    if "stop_rule" in fields:
        assert 200 == done.output_tokens
        assert len(heard) > 50
        first_token_seconds = done.seconds - (times[-1] - times[0])
        assert first_token_seconds < done.seconds / 4
