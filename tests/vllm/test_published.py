"""Checkpoints as they were published: what evalkit runs them as computes what an implementation of others computes.

Greedy token ids in float32 of (a) evalkit on transformers, (b) evalkit on vLLM and (c) vLLM alone on the published
files. For ChatGLM (c) is vLLM's own ChatGLM class. vLLM has dropped its classes for InternLM and XVERSE in 0.23; both
were its Llama class by another name, so here its Llama class reads their published tensors, biases included.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.cards import Card, load_card
from evalkit.models import BackendOptions, GenerationRequest, ModelAdapter, load_model
from evalkit.prompts import PromptTokenizer, TokenIds, token_array
from evalkit.rope import RopeModel, RopeSetting, parse_rope, rope_setting
from tests.vllm.checkpoints import CONFIGS, GLM_HEAD, HEADS, HIDDEN, VOCABULARY, WINDOW, save_published

NEW = 16
NATIVE = RopeSetting("native")
Group = tuple[RopeSetting, Sequence[TokenIds]]
LINEAR = {"rope_parameters": {"rope_type": "linear", "factor": 8.0, "rope_theta": 10000.0}, "rope_scaling": None}
PEERS: dict[str, dict[str, Any]] = {
    "internlm": {"architectures": ["LlamaForCausalLM"], "model_type": "llama"},
    "xverse": {"architectures": ["LlamaForCausalLM"], "model_type": "llama"},
    "longchat": LINEAR,
    "chatglm2-6b": {},
    "chatglm3-6b-32k": {},
}
"""What of the published `config.json` another class of vLLM needs spelled otherwise."""


class OneCharacterEach:
    """A tokenizer under which the text of an answer shows its ids."""

    bos_token_id = eos_token_id = chat_template = None
    is_fast = False

    def __len__(self) -> int:
        return 1

    def decode(self, ids: Sequence[int], **_: object) -> str:
        """One Chinese character for each id."""
        return "".join(chr(0x4E00 + token) for token in ids)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Converted copies go to a cache of the test's own."""
    patch = pytest.MonkeyPatch()
    patch.setenv("EVALKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
    patch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", "0")  # of the peers; evalkit's engines say so themselves
    patch.setenv("VLLM_LOGGING_LEVEL", "ERROR")
    yield
    patch.undo()


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Card]:
    """The card of a published checkpoint, by architecture."""
    folder = tmp_path_factory.mktemp("published")

    def card(name: str) -> Card:
        place = folder / name
        return load_card(place if place.is_dir() else save_published(place, name))

    return card


@pytest.fixture(scope="module")
def prompts() -> list[TokenIds]:
    """Prompts in trie order within the window, three of each stem, stems longer than a block of vLLM's cache."""
    draw = np.random.default_rng(5)
    stems = [draw.integers(3, VOCABULARY, length).tolist() for length in (20, 300, 700)]
    tails = [draw.integers(3, VOCABULARY, length).tolist() for length in (3, 40, 130)]
    return [token_array(ids) for ids in sorted([*stem, *tail] for stem in stems for tail in tails)]


@pytest.fixture(scope="module")
def longer(prompts: list[TokenIds]) -> list[TokenIds]:
    """Prompts that begin like those and go on beyond the window."""
    draw = np.random.default_rng(6)
    return [token_array([*ids.tolist(), *draw.integers(3, VOCABULARY, 900).tolist()]) for ids in prompts[::2]]


def answers(backend: str, card: Card, prompts: Sequence[TokenIds]) -> list[str]:
    """What a backend answers as the model was released, in the order of the prompts."""
    return answers_and_facts(backend, card, [(NATIVE, prompts)])[0][0]


def answers_and_facts(
    backend: str, card: Card, groups: Sequence[Group], **options: Any
) -> tuple[list[list[str]], dict[str, Any]]:
    """What one engine answers to groups of prompts, each under its setting, and what it says of itself after them."""
    longest = max(len(ids) for _, prompts in groups for ids in prompts)
    settings = {"dtype": "float32", "longest_sequence": longest + NEW} | options
    model = load_model(backend, card, PromptTokenizer(OneCharacterEach()), BackendOptions(**settings))
    found = [texts(model, rope, prompts) for rope, prompts in groups]
    facts = model.engine_info
    model.close()
    del model
    gc.collect()
    return found, facts


def texts(model: ModelAdapter, rope: RopeSetting, prompts: Sequence[TokenIds]) -> list[str]:
    """What a model answers, in the order of the prompts."""
    requests = [GenerationRequest(index, ids, NEW, ("no such text",)) for index, ids in enumerate(prompts)]
    found = sorted(model.generate(rope, requests), key=lambda completion: completion.index)
    assert [None] * len(prompts) == [completion.error for completion in found]
    return [completion.text for completion in found]


def peer_answers(folder: Path, name: str, card: Card, prompts: Sequence[TokenIds]) -> list[str]:
    """What vLLM alone answers with the published files and a `config.json` that names a class of its own."""
    from vllm import LLM, SamplingParams

    folder.mkdir()
    assert card.weights_path is not None
    for path in card.weights_path.glob("pytorch_model*"):
        (folder / path.name).symlink_to(path)
    config = {key: value for key, value in CONFIGS[name].items() if key != "auto_map"} | PEERS.get(name, {})
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    engine = LLM(
        str(folder), dtype="float32", enforce_eager=True, max_model_len=WINDOW, enable_prefix_caching=False,
        generation_config="vllm", skip_tokenizer_init=True, use_tqdm_on_load=False,
    )  # fmt: skip
    sampling = SamplingParams(temperature=0, max_tokens=NEW, stop_token_ids=[2], detokenize=False)
    outputs = engine.generate([{"prompt_token_ids": ids.tolist()} for ids in prompts], sampling, use_tqdm=False)
    engine.llm_engine.engine_core.shutdown()
    del engine
    gc.collect()
    found = [[token for token in output.outputs[0].token_ids if token != 2] for output in outputs]
    return [OneCharacterEach().decode(ids) for ids in found]


@pytest.mark.parametrize("name", PEERS)
def test_it_computes_what_an_implementation_of_others_does(
    name: str, published: Callable[[str], Card], prompts: list[TokenIds], tmp_path: Path
) -> None:
    """The same ids from transformers on what the checkpoint was made into, from vLLM on that, and from the peer."""
    card = published(name)
    expected = peer_answers(tmp_path / "peer", name, card, prompts)

    assert len(prompts) == len({*expected})  # other prompts, other answers
    assert expected == answers("hf", card, prompts)
    assert expected == answers("vllm", card, prompts)


@pytest.mark.parametrize("is_reusing", [True, False])
def test_index_answers_alike_on_both_engines(
    is_reusing: bool, published: Callable[[str], Card], prompts: list[TokenIds], longer: list[TokenIds]
) -> None:
    """As released and scaled beyond its window, with prefixes taken from the cache and without."""
    card, rope = published("index"), scaled("dynamic:8", HIDDEN // HEADS, longer)
    groups = [(NATIVE, prompts), (rope, longer)]

    found, facts = answers_and_facts("vllm", card, groups, is_reusing_prefixes=is_reusing)

    assert answers_and_facts("hf", card, groups, is_reusing_prefixes=False)[0] == found
    assert ("llama", "LlamaForCausalLM", True) == (facts["runs_as"], facts["model_class"], facts["rope_verified"])


def test_scaled_chatglm_answers_alike_on_both_engines(published: Callable[[str], Card], longer: list[TokenIds]) -> None:
    """vLLM's own class obeys no RoPE setting: what is written into its table is what transformers computes."""
    card = published("chatglm2-6b")
    groups = [(scaled("dynamic:4", GLM_HEAD // 2, longer), longer), (RopeSetting("default", 10000.0), longer)]

    found, facts = answers_and_facts("vllm", card, groups)

    assert answers_and_facts("hf", card, groups)[0] == found
    assert found[0] != found[1]
    assert "runs_as" not in facts
    assert ("ChatGLMForCausalLM", True) == (facts["model_class"], facts["rope_verified"])


def test_chatglm_that_divides_positions_is_not_run_as_vllm_would(
    published: Callable[[str], Card], prompts: list[TokenIds], tmp_path: Path
) -> None:
    """vLLM's class multiplies the base by any ratio; the table that is written into it divides positions."""
    card = published("chatglm2-6b-32k")

    found, facts = answers_and_facts("vllm", card, [(NATIVE, prompts)])

    assert [answers("hf", card, prompts)] == found
    assert found != [peer_answers(tmp_path / "peer", "chatglm2-6b-32k", card, prompts)]
    assert ("ChatGLMForCausalLM", True) == (facts["model_class"], facts["rope_verified"])


def test_one_engine_serves_both_sides_of_a_models_own_dynamic_scaling(
    published: Callable[[str], Card], prompts: list[TokenIds], longer: list[TokenIds]
) -> None:
    """Prompts within the length run as released, those beyond it by the effective base, back and forth."""
    rope = scaled("dynamic:2", HIDDEN // HEADS, longer)
    groups = [(NATIVE, prompts[:2]), (rope, longer[:2]), (NATIVE, prompts[2:4])]

    found, facts = answers_and_facts("vllm", published("internlm"), groups)

    assert answers_and_facts("hf", published("internlm"), groups)[0] == found
    assert facts["rope_verified"]


def scaled(spec: str, dimension: int, prompts: Sequence[TokenIds]) -> RopeSetting:
    """The setting of the longest prompt."""
    return rope_setting(parse_rope(spec), RopeModel(10000.0, WINDOW, dimension), max(map(len, prompts)) + NEW)
