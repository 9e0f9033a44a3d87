"""What is made of a generation configuration: every field is obeyed, changes nothing, or is refused."""

from __future__ import annotations

from typing import Any

import pytest

from evalkit.errors import CardError
from evalkit.models._generation import HONOURED, REFUSED, WITHOUT_EFFECT, read_rules

FILE = "model/generation_config.json"

CHANGING = {
    "num_beams": 4, "num_beam_groups": 2, "diversity_penalty": 0.5, "constraints": [1], "force_words_ids": [[5]],
    "penalty_alpha": 0.6, "dola_layers": "high", "guidance_scale": 1.5, "watermarking_config": {"bias": 2.0},
    "token_healing": True, "max_time": 2.0, "num_return_sequences": 2, "is_assistant": True,
    "assistant_ensemble_weight": 0.5, "cache_implementation": "quantized",
}  # fmt: skip


def configuration(**fields: Any) -> Any:
    """transformers' own object with those fields, not validated."""
    from transformers import GenerationConfig

    made = GenerationConfig()
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def test_every_field_of_the_installed_transformers_is_classified_once() -> None:
    """A field that a new release brings fails here until somebody says what it does to greedy answers."""
    from transformers import GenerationConfig

    found = {name for name in vars(GenerationConfig()) if not name.startswith("_")}
    sets = [set(HONOURED), set(REFUSED), set(WITHOUT_EFFECT)]

    assert found == set.union(*sets)
    assert len(found) == sum(map(len, sets))


def test_every_field_that_is_refused_has_a_case_below() -> None:
    """So that none of them is refused in words only."""
    assert set(REFUSED) == set(CHANGING)


@pytest.mark.parametrize("name", sorted(CHANGING))
def test_a_field_that_changes_answers_is_refused_in_one_line(name: str) -> None:
    """The line names file, field and value, and says what to do."""
    with pytest.raises(CardError) as caught:
        read_rules(configuration(**{name: CHANGING[name]}), FILE)

    message = str(caught.value)
    assert 1 == len(message.splitlines())
    assert message.startswith(f"{FILE}: {name} is {CHANGING[name]!r}")
    assert "remove it" in message


def test_values_that_change_nothing_are_taken() -> None:
    """Those that `generate` itself takes where nothing is set, and sampling, which greedy decoding ignores."""
    from transformers import GenerationConfig

    defaults = GenerationConfig._get_default_generation_params()
    sampling = {"do_sample": True, "temperature": 0.6, "top_p": 0.9, "top_k": 20, "cache_implementation": "static"}

    assert {} == dict(read_rules(configuration(**{**defaults, **sampling}), FILE).fields)


def test_a_field_that_only_a_later_release_knows_is_refused_where_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has said what it does; a repository's own entries are read by nobody and pass."""
    from transformers import GenerationConfig

    read_rules(configuration(chat_format="chatml"), FILE)
    make = GenerationConfig.__init__

    def make_later(self: Any, **options: Any) -> None:
        make(self, **options)
        self.__dict__.setdefault("telepathy", None)

    monkeypatch.setattr(GenerationConfig, "__init__", make_later)

    read_rules(configuration(), FILE)
    with pytest.raises(CardError, match="telepathy"):
        read_rules(configuration(telepathy=3), FILE)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("repetition_penalty", -1), ("repetition_penalty", 0.0), ("repetition_penalty", "1.1"),
        ("repetition_penalty", float("nan")), ("no_repeat_ngram_size", 3.0), ("min_new_tokens", -2),
        ("min_length", "long"), ("stop_strings", [""]), ("stop_strings", 7),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_is_one_line(name: str, value: Any) -> None:
    """Before any model is loaded, where that can be told from the value alone."""
    with pytest.raises(CardError, match=f"{FILE}: {name} is ") as caught:
        read_rules(configuration(**{name: value}), FILE)

    assert 1 == len(str(caught.value).splitlines())


def test_whole_numbers_are_penalties_too() -> None:
    """JSON does not tell 2 from 2.0."""
    rules = read_rules(configuration(repetition_penalty=2), FILE)

    assert (2.0, float) == (rules.fields["repetition_penalty"], type(rules.fields["repetition_penalty"]))


def test_the_manifest_says_what_is_in_force() -> None:
    """Both penalties always, other fields where they are set; bias keys as texts, which JSON needs."""
    rules = read_rules(configuration(suppress_tokens=[5], sequence_bias={(3, 4): -1.0}), FILE)

    assert {
        "repetition_penalty": 1.0, "no_repeat_ngram_size": 0, "suppress_tokens": [5],
        "sequence_bias": {"(3, 4)": -1.0},
    } == rules.facts  # fmt: skip
    assert {"repetition_penalty": 1.0, "no_repeat_ngram_size": 0} == read_rules(None, FILE).facts


def test_an_engine_that_lacks_a_field_is_not_asked() -> None:
    """One line that names the field and the backend that has it."""
    rules = read_rules(configuration(repetition_penalty=1.1, suppress_tokens=[5]), FILE)

    rules.require_only({"repetition_penalty", "suppress_tokens"}, "vLLM")
    with pytest.raises(CardError, match=r"suppress_tokens is \[5\], which vLLM does not have; use --backend hf"):
        rules.require_only({"repetition_penalty"}, "vLLM")
