"""Answers decoded together by real, tiny models: the same as one at a time, in every family that can have rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from evalkit.models import Completion, GenerationRequest
from evalkit.prompts import PromptTokenizer
from evalkit.rope import RopeSetting

if TYPE_CHECKING:
    from evalkit.models.huggingface._adapter import HuggingFaceModel

Ask = Callable[..., list[GenerationRequest]]
Load = Callable[..., "HuggingFaceModel"]
Reference = Callable[..., list[list[int]]]
SaveModel = Callable[..., Path]

NATIVE = RopeSetting("native")
GLM = {"head_dim": 16, "pad_token_id": 1, "attention_bias": True}
EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2}
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "Llama": ("Llama", {}),
    "Llama, heads of keys shared by none": ("Llama", {"num_key_value_heads": 2}),
    "Llama, linear scaling": (
        "Llama", {"rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 10000.0}}
    ),
    "Qwen2": ("Qwen2", {}),
    "Qwen3": ("Qwen3", {"head_dim": 16}),
    "Mistral without a window": ("Mistral", {"sliding_window": None}),
    "Glm, half of each head turned": ("Glm", GLM),
    "Phi3, three projections in one": ("Phi3", {"pad_token_id": 1}),
    "Mixtral, experts": ("Mixtral", EXPERTS | {"sliding_window": None}),
    "Gemma": ("Gemma", {"head_dim": 16}),
    "Olmo2": ("Olmo2", {}),
    "Cohere, layers side by side": ("Cohere", {}),
    "GPT-NeoX, a quarter of each head turned": ("GPTNeoX", {}),
}  # fmt: skip


def answers(
    model: HuggingFaceModel, requests: Sequence[GenerationRequest], rope: RopeSetting = NATIVE
) -> list[tuple[str, int, str]]:
    """What each answer is, in the order of the requests' indexes."""
    done: list[Completion] = sorted(model.generate(rope, requests), key=lambda each: each.index)
    assert [None] * len(requests) == [each.error for each in done]
    return [(each.text, each.output_tokens, each.finish_reason) for each in done]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_batch_answers_as_one_at_a_time(
    family: str, save_model: SaveModel, load: Load, ask: Ask, prompts: list[list[int]]
) -> None:
    """In float32, with and without prefix reuse, whatever the order and however many there are at once."""
    kind, changes = FAMILIES[family]
    folder = save_model(kind=kind, **changes)
    requests = ask(prompts, max_new_tokens=12)
    alone = answers(load(folder, batch=1), requests)
    model = load(folder, batch=4)

    assert 4 == model.engine_info["batch"]
    assert alone == answers(model, requests)
    assert alone == answers(model, sorted(requests, key=lambda each: each.ids.tolist()))
    assert alone == answers(load(folder, batch=9, is_reusing_prefixes=False), requests)
    assert 6 <= len({text for text, *_ in alone})


@pytest.mark.parametrize("setting", [RopeSetting("default", 50_000.0), RopeSetting("linear", 10_000.0, 4.0)])
def test_a_batch_turns_by_the_setting_of_its_group(
    setting: RopeSetting, tiny_model: Path, load: Load, ask: Ask, prompts: list[list[int]]
) -> None:
    """All rows are of one group; the next group starts anew."""
    one, four = load(tiny_model, batch=1), load(tiny_model, batch=4)
    requests = ask(prompts)

    expected = [answers(one, requests, rope) for rope in (NATIVE, setting, NATIVE)]

    assert expected == [answers(four, requests, rope) for rope in (NATIVE, setting, NATIVE)]
    assert expected[0] != expected[1]


def test_penalties_and_stops_are_each_rows_own(
    save_model: SaveModel, load: Load, ask: Ask, prompts: list[list[int]]
) -> None:
    """Which tokens were seen, which string ends an answer, and how long it may be."""
    import json

    folder = save_model()
    path = folder / "generation_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "repetition_penalty": 1.4, "no_repeat_ngram_size": 2}))
    plain = answers(load(folder, batch=1), ask(prompts, max_new_tokens=12))
    requests = [
        GenerationRequest(each.index, each.ids, 3 + each.index, (plain[each.index][0][2:4],) if each.index % 2 else ())
        for each in ask(prompts)
    ]
    expected = answers(load(folder, batch=1), requests)

    assert expected == answers(load(folder, batch=5), requests)
    assert {"stop", "length"} == {reason for *_, reason in expected}


def test_prompts_share_what_they_have_in_common_as_without_a_batch(
    tiny_model: Path, load: Load, ask: Ask, prompts: list[list[int]]
) -> None:
    """A cache that was given to an answer still begins the next one."""
    requests = sorted(ask(prompts), key=lambda each: each.ids.tolist())

    counts = [
        {done.index: done.cached_tokens for done in load(tiny_model, batch=batch).generate(NATIVE, requests)}
        for batch in (1, 3)
    ]

    assert counts[0] == counts[1]
    assert any(counts[1].values())


def test_lack_of_memory_in_the_middle_of_a_pass_changes_no_answer(
    tiny_model: Path, load: Load, ask: Ask, prompts: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The layers before have the new keys and those behind do not; rows that make room are computed again."""
    requests = ask(prompts, max_new_tokens=12)
    expected, notes = answers(load(tiny_model, batch=1), requests), list[str]()
    model = load(tiny_model, batch=6, note=notes.append)
    layer, broken = model._model.model.layers[1], []
    forward = layer.forward

    def break_wide_passes(states: Any, **options: Any) -> Any:
        if len(states) > 2:
            broken.append(len(states))
            raise RuntimeError("CUDA out of memory")
        return forward(states, **options)

    monkeypatch.setattr(layer, "forward", break_wide_passes)

    assert expected == answers(model, requests)
    assert [6, 3] == broken
    assert 1 == model.engine_info["batch"]
    assert ["out of memory with 6 answers at once: going on with 3"] == [each.partition(",")[0] for each in notes]


def test_lack_of_memory_for_a_rows_own_rules_is_lack_of_memory(
    save_model: SaveModel, load: Load, ask: Ask, prompts: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A penalty keeps the prompt's tokens on the device: a row that has no room for them waits, and none is lost."""
    import json

    import torch

    from evalkit.models.huggingface import _processors

    folder = save_model()
    path = folder / "generation_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "repetition_penalty": 1.4}))
    requests = ask(prompts, max_new_tokens=12)
    expected = answers(load(folder, batch=1), requests)
    model, genuine, asked = load(folder, batch=6), _processors.SeenTokens, []

    def short(*arguments: Any) -> Any:
        asked.append(arguments)
        if len(asked) == 4:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return genuine(*arguments)

    monkeypatch.setattr(_processors, "SeenTokens", short)

    assert expected == answers(model, requests)
    assert len(requests) + 1 == len(asked)


def forgets(folder: SaveModel) -> Path:
    """A model whose layers drop old tokens."""
    return folder(kind="Mistral", sliding_window=16)


def attends_itself(folder: SaveModel) -> Path:
    """A model whose attention nothing can be put in place of."""
    return folder(kind="Falcon", num_kv_heads=1)


def counts_by_the_cache(folder: SaveModel) -> Path:
    """A model that asks its cache how long the text is, for all rows alike."""
    return folder(kind="OPT", word_embed_proj_dim=32, ffn_dim=64)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (forgets, "forget tokens"),
        (attends_itself, "no rows of different lengths"),
        (counts_by_the_cache, "OPTForCausalLM refuses rows"),
    ],
)
def test_models_that_cannot_have_rows_answer_one_at_a_time_and_say_why(
    make: Callable[[SaveModel], Path], reason: str, save_model: SaveModel, load: Load, ask: Ask, target: Reference,
    prompts: list[list[int]], tokenizer: PromptTokenizer,
) -> None:  # fmt: skip
    """Their answers are right all the same."""
    folder, notes = make(save_model), list[str]()
    expected = [
        tokenizer.decode(ids[:-1] if ids[-1] == 1 else ids, skip_special=False) for ids in target(folder, prompts[:4])
    ]

    model = load(folder, batch=4, note=notes.append)

    assert 1 == model.engine_info["batch"]
    assert any(each.startswith("one answer at a time: ") and reason in each for each in notes)
    assert expected == [text for text, *_ in answers(model, ask(prompts[:4]))]


@pytest.mark.parametrize("setting", [NATIVE, RopeSetting("default", 50_000.0)])
def test_a_scaling_that_follows_the_length_has_no_rows_and_says_so(
    setting: RopeSetting, save_model: SaveModel, load: Load, ask: Ask, prompts: list[list[int]]
) -> None:
    """Where the model's own is in force: each prompt turns by its own length. Under another setting rows are rows."""
    rope = {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 10000.0}
    folder, notes = save_model(max_position_embeddings=48, rope_parameters=rope), list[str]()
    model = load(folder, batch=4, is_reusing_prefixes=False, note=notes.append)

    found = answers(model, ask(prompts), setting)

    assert answers(load(folder, batch=1), ask(prompts), setting) == found
    assert (1 if setting == NATIVE else 4) == model.engine_info["batch"]
    assert (setting == NATIVE) == any(each.startswith("one answer at a time under --rope native") for each in notes)


def test_eager_attention_has_no_rows(tiny_model: Path, load: Load, ask: Ask, prompts: list[list[int]]) -> None:
    """Its answers are those of sdpa, one at a time."""
    notes: list[str] = []

    model = load(tiny_model, batch=4, attention="eager", note=notes.append)

    assert ["one answer at a time: attention is eager, and rows need sdpa"] == notes
    assert answers(load(tiny_model), ask(prompts)) == answers(model, ask(prompts))


def test_a_model_whose_rows_come_out_otherwise_has_none(
    tiny_model: Path, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found out by trying, at load."""
    from evalkit.models.huggingface import _feeding

    rows = _feeding.Feeding.rows
    monkeypatch.setattr(
        _feeding.Feeding, "rows", lambda self, ids, places, cache: rows(self, ids, [max(places)] * len(places), cache)
    )
    notes: list[str] = []

    model = load(tiny_model, batch=4, note=notes.append)

    assert 1 == model.engine_info["batch"]
    assert ["one answer at a time: LlamaForCausalLM answers rows of different lengths otherwise"] == notes
