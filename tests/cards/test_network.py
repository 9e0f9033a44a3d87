"""Cards beside weights that were published for code of their own: what runs, as what, and what is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.cards import card_names, check_card, contradictions, load_card
from tests.cards.published.configs import CHATGLM2, CONFIGS, INDEX, INTERNLM

CARD = "name: c\ntitle: C\nlicence: none\nweights: .\ncontext_length: {}\nchat: none\n"
Place = Callable[..., Path]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Writes a folder with that config.json, a tokenizer, empty weights and, where lines are given, a card."""

    def write(config: dict[str, Any], *lines: str, length: int = 4096) -> Path:
        (tmp_path / "config.json").write_text(json.dumps(config), "utf-8")
        (tmp_path / "tokenizer.model").touch()
        (tmp_path / "pytorch_model.bin").touch()
        if lines:
            (tmp_path / "card.yaml").write_text(CARD.format(length) + "".join(f"{line}\n" for line in lines), "utf-8")
        return tmp_path

    return write


def told(folder: Path) -> list[tuple[str, str]]:
    """Level and message of what a check finds, but the chat format and what becomes of the weights."""
    found = [(each.level, each.message) for each in check_card(load_card(folder))]
    return [each for each in found if not each[1].startswith("chat") and each not in becoming(folder)]


def becoming(folder: Path) -> list[tuple[str, str]]:
    """What a check tells of how the weights run and which copy is made of them."""
    found = [(each.level, each.message) for each in check_card(load_card(folder))]
    return [each for each in found if "without its own code" in each[1] or "pickled" in each[1]]


def test_a_published_folder_needs_no_code_of_its_own(place: Place) -> None:
    """Its file maps classes to code, and nothing is said of it."""
    folder = place(INDEX)

    assert [] == told(folder)
    assert ("llama", False) == (
        load_card(folder).architecture.runs_as, load_card(folder).trust_remote_code_required
    )  # fmt: skip


def test_a_check_says_what_weights_run_as_and_which_copy_is_made(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """How large it is and where; nothing of weights that run as they are or with their own code alone."""
    monkeypatch.setenv("EVALKIT_CACHE", "/cache")
    folder = place(INDEX)
    (folder / "pytorch_model.bin").write_bytes(bytes(300_000))

    assert [
        ("note", "IndexForCausalLM runs as llama, without its own code"),
        (
            "note",
            "1 pickled file of weights (0.3 MB): without --trust-remote-code the first run writes them as safetensors "
            "to /cache/converted, and later ones read that copy",
        ),
    ] == becoming(folder)
    assert [] == becoming(place(INDEX | {"hidden_act": "gelu"}))
    (folder / "pytorch_model.bin").rename(folder / "model.safetensors")
    assert [] == becoming(place(INDEX | {"architectures": ["LlamaForCausalLM"], "auto_map": None}))[1:]


def test_a_window_that_the_file_states_under_its_own_key_is_no_doubt(place: Place) -> None:
    """ChatGLM2-6B-32K says `seq_length` 32768; that its scaling counts from 2,048 is not in the file."""
    folder = place(CHATGLM2 | {"rope_ratio": 16})

    assert [] == told(folder)
    (folder / "card.yaml").write_text(CARD.format(8192), "utf-8")
    wrong = "context_length: 8192, but config.json has seq_length 32768: correct the card"
    assert ("error", wrong) in told(folder)


def test_an_obstacle_is_told_with_the_way_out(place: Place) -> None:
    """Its own code is needed after all; what else is known of the folder is as ever."""
    folder = place(INDEX | {"hidden_act": "gelu", "rope_theta": 5e5})
    card = load_card(folder)

    assert (True, None, 4096, 5e5) == (
        card.trust_remote_code_required, card.architecture.runs_as, card.context_length, card.rope.theta
    )  # fmt: skip
    ((level, message),) = told(folder)
    assert "error" == level
    assert message.endswith(
        "config.json: IndexForCausalLM here runs with its own code alone: hidden_act is 'gelu', and llama here "
        "computes silu: run it with --trust-remote-code, or name other weights"
    )


def test_several_obstacles_are_one_line(place: Place) -> None:
    """The first, and how many more."""
    ((_, message),) = told(place(INDEX | {"hidden_act": "gelu", "quantization_config": {}, "rms_norm_eps": None}))

    assert "computes silu (and 2 more): run it with --trust-remote-code" in message


@pytest.mark.parametrize(
    ("line", "level"), [("trust_remote_code_required: true", "note"), ("notes: none", "error")], ids=str
)
def test_a_card_that_says_so_is_right(place: Place, line: str, level: str) -> None:
    """One that does not is not."""
    assert [level] == [each for each, _ in told(place(INDEX | {"hidden_act": "gelu"}, line))]


def test_a_card_may_ask_for_less(place: Place) -> None:
    """Code that is not needed any more."""
    ((level, message),) = told(place(INDEX, "trust_remote_code_required: true"))

    assert ("note", True) == (level, "IndexForCausalLM runs as llama without it" in message)


def test_unknown_fields_are_a_note(place: Place) -> None:
    """The first few by name, whatever they are called."""
    odd = {f"field_{number}": 1 for number in range(9)} | {"a\n\x1b[31m": 1}

    ((level, message),) = told(place(INDEX | odd))

    assert "note" == level
    assert "config.json: not known here, and left out as llama: 'a\\n\\x1b[31m', 'field_0'" in message
    assert message.endswith(" and 2 more")


@pytest.mark.parametrize(
    ("config", "runs_as", "problem"),
    [
        (INDEX, "llama", None),
        (CHATGLM2, "glm", None),
        ({**INDEX, "architectures": ["LlamaForCausalLM"], "model_type": "llama"}, "llama", None),
        ({"max_position_embeddings": 4096}, "llama", None),
        (CHATGLM2, "llama", "is of 'ChatGLMModel', which runs as glm: correct the card, or get the right weights"),
        (INDEX, "glm", "is of 'IndexForCausalLM', which runs as llama: correct the card"),
        ({**INDEX, "architectures": None}, "glm", "is of 'index', which runs as llama"),
        (
            {**INDEX, "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "auto_map": None},
            "llama",
            "is of 'Qwen2ForCausalLM', which does not run as llama: correct the card, or get the right weights",
        ),
        (INDEX | {"hidden_act": "gelu"}, "llama", "which runs with its own code alone: hidden_act is 'gelu'"),
        (
            {**INDEX, "architectures": ["A\nB"], "model_type": "a\nb", "auto_map": None},
            "llama",
            r"is of 'A\nB', which does not run as llama",
        ),
    ],
    ids=str,
)
def test_a_card_that_runs_weights_as_another_network_is_refused(
    place: Place, config: dict[str, Any], runs_as: str, problem: str | None
) -> None:
    """Both are told, in the check and in a run, once."""
    length = config.get("seq_length", 4096)
    folder = place(config, "architecture:", f"  runs_as: {runs_as}", length=length)
    found = [message for level, message in told(folder) if level == "error"]

    assert found == contradictions(load_card(folder))
    assert ([] if problem is None else [True]) == [(problem or "") in message for message in found]
    assert all(message.startswith(f"architecture.runs_as: {runs_as}, but config.json in ") for message in found)


def test_a_window_beyond_the_file_is_a_note_where_the_rotation_follows_the_length(place: Place) -> None:
    """internlm-chat-7b-8k states 2,048 tokens, from which its scaling counts."""
    lines = ("rope: {theta: 10000, scaling: 'dynamic:1', original_length: 2048}",
             "sources: [{facts: [rope], source: S}]")  # fmt: skip
    folder = place(INTERNLM, *lines, length=8192)

    ((level, message),) = told(folder)

    assert ("note", True) == (
        level,
        "context_length: 8192, beyond max_position_embeddings 2048; the dynamic" in message,
    )
    assert [] == contradictions(load_card(folder))


def test_both_lengths_of_a_scaled_model_are_no_doubt(place: Place) -> None:
    """The one that the scaling counts from, and the window."""
    lines = ("rope: {theta: 500000, scaling: 'dynamic:2', original_length: 32768}",
             "sources: [{facts: [rope], source: S}]")  # fmt: skip

    assert [] == told(place(CONFIGS["xverse-13b-256k"], *lines, length=262144))


def test_a_value_that_no_field_can_have_is_one_line(place: Place) -> None:
    """With the file and the field."""
    folder = place(INDEX | {"norm_head": "both"}, "notes: none")

    ((level, message),) = told(folder)

    assert ("error", f"{folder / 'config.json'}: norm_head: expected true or false, found 'both'") == (level, message)


# Shipped card → published config.json that it is a card of
SHIPPED = {
    "chatglm2-6b": "chatglm2-6b",
    "chatglm2-6b-32k": "chatglm2-6b-32k",
    "index-1.9b": "index-1.9b",
    "index-1.9b-32k": "index-1.9b-32k",
    "index-1.9b-character": "index-1.9b",
    "index-1.9b-chat": "index-1.9b",
    "index-1.9b-pure": "index-1.9b",
    "internlm-chat-7b-8k": "internlm-7b",
    "xverse-13b-256k": "xverse-13b-256k",
}


@pytest.mark.parametrize("name", sorted({*SHIPPED} & {*card_names()}))
def test_a_shipped_card_agrees_with_the_published_configuration(place: Place, name: str) -> None:
    """Widths, window, rotation and network; nothing of it needs code."""
    card = load_card(name)
    folder = place(CONFIGS[SHIPPED[name]])
    local = card.model_copy(update={"weights": str(folder)})

    assert [] == contradictions(local)
    assert {"note"} >= {each.level for each in check_card(local) if not each.message.startswith("chat:")}
