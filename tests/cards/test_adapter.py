"""What an adapter's folder may hold, and which adapters are refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evalkit.cards import Card, check_base, load_card, read_adapter
from evalkit.errors import CardError
from tests.adapters import save_adapter

SHAPES = {"model.layers.0.self_attn.q_proj": (32, 32)}


def refusal(folder: Path) -> str:
    """The one line with which an adapter is refused."""
    with pytest.raises(CardError) as caught:
        read_adapter(folder)
    assert 1 == len(str(caught.value).splitlines())
    assert "--adapter" in str(caught.value)
    return str(caught.value)


def test_rank_and_alpha_make_the_scale(tmp_path: Path) -> None:
    """Rank-stabilised adapters divide by the root of the rank."""
    plain = read_adapter(save_adapter(tmp_path / "a", SHAPES, lora_alpha=8))
    stable = read_adapter(save_adapter(tmp_path / "b", SHAPES, lora_alpha=8, use_rslora=True))

    assert (4, 2.0, 4.0) == (plain.rank, plain.scale, stable.scale)


def test_both_files_are_in_the_digest_and_its_beginning_in_the_label(tmp_path: Path) -> None:
    """Two adapters of one folder name are two experiments."""
    first = read_adapter(save_adapter(tmp_path / "a" / "final", SHAPES))
    other = read_adapter(save_adapter(tmp_path / "b" / "final", SHAPES, lora_alpha=3))
    third = read_adapter(save_adapter(tmp_path / "c" / "final", SHAPES, size=0.2))

    assert (
        3 == len({each.digest for each in (first, other, third)}) == len({each.label for each in (first, other, third)})
    )
    assert first.label.startswith("final-")


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"peft_type": "IA3"}, "IA3"),
        ({"use_dora": True}, "use_dora"),
        ({"bias": "all"}, "bias"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"rank_pattern": {"q_proj": 8}}, "rank_pattern"),
        ({"fan_in_fan_out": True}, "fan_in_fan_out"),
        ({"init_lora_weights": "pissa_niter_16"}, "pissa_niter_16"),
        ({"init_lora_weights": {"a": 1}}, "init_lora_weights"),
        ({"init_lora_weights": ["gaussian"]}, "init_lora_weights"),
        ({"use_rslora": "yes"}, "use_rslora: expected"),
        ({"use_rslora": 1}, "use_rslora: expected"),
        ({"a_field_of_next_year": 3}, "a_field_of_next_year"),
        ({"r": 0}, "r: expected"),
        ({"r": True}, "r: expected"),
        ({"r": "4"}, "r: expected"),
        ({"lora_alpha": None}, "lora_alpha"),
        ({"lora_alpha": float("nan")}, "lora_alpha"),
    ],
)
def test_what_is_no_plain_lora_is_refused_by_name(fields: dict[str, Any], named: str, tmp_path: Path) -> None:
    """It would compute otherwise than its trainer did."""
    assert named in refusal(save_adapter(tmp_path / "a", SHAPES, **fields))


def test_a_folder_without_an_adapter_is_refused(tmp_path: Path) -> None:
    """With what to do."""
    assert "no such folder" in refusal(tmp_path / "none")
    assert "adapter_config.json" in refusal(tmp_path)


def test_pickled_adapters_are_refused(tmp_path: Path) -> None:
    """Only safetensors are read."""
    folder = save_adapter(tmp_path / "a", SHAPES)
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")

    assert "pickles are not read" in refusal(folder)


def test_a_configuration_that_is_no_object_is_refused(tmp_path: Path) -> None:
    """Hostile files end in one line too."""
    folder = save_adapter(tmp_path / "a", SHAPES)
    (folder / "adapter_config.json").write_text(json.dumps([1]), "utf-8")

    with pytest.raises(CardError, match="expected a JSON object"):
        read_adapter(folder)


def card(weights: str) -> Card:
    """A card of such weights."""
    return Card(name="m", title="m", weights=weights, context_length=100, licence="none")


def test_an_adapter_of_another_model_of_the_hub_is_refused(tmp_path: Path) -> None:
    """Names of the hub say enough; paths of a trainer's machine do not."""
    adapter = read_adapter(save_adapter(tmp_path / "a", SHAPES, base_model_name_or_path="Qwen/Qwen2-7B"))

    with pytest.raises(CardError, match="Qwen/Qwen2-7B") as caught:
        check_base(card("Qwen/Qwen2-1.5B"), adapter)

    assert 1 == len(str(caught.value).splitlines())
    assert check_base(card("qwen/qwen2-7b"), adapter) is None
    assert check_base(card("/models/Qwen2-7B"), adapter) is None
    assert "trained on" in str(check_base(card("/models/mine"), adapter))


def test_a_card_in_the_folder_of_its_weights_is_known_by_that_folder(tmp_path: Path) -> None:
    """Such a card calls its weights `.`, which is no name to compare."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "card.yaml").write_text("name: m\ntitle: m\nweights: .\ncontext_length: 100\nlicence: none\n")
    model = load_card(str(tmp_path / "mine" / "card.yaml"))
    same = read_adapter(save_adapter(tmp_path / "a", SHAPES, base_model_name_or_path="trainer/of/mine"))
    other = read_adapter(save_adapter(tmp_path / "b", SHAPES, base_model_name_or_path="Qwen/Qwen2-7B"))

    assert check_base(model, same) is None
    assert f"the model is {tmp_path / 'mine'}; its shapes are compared" in str(check_base(model, other))
