"""Published configurations as built-in architectures: what every family keeps, and what none may do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.cards import load_card
from evalkit.cards._window import ConfigError
from evalkit.cards.published import Published, read_published
from evalkit.cards.published._published import _BY_ARCHITECTURE, _BY_MODEL_TYPE
from tests.cards.published.configs import CHATGLM2, CONFIGS, INDEX, INTERNLM, LONGCHAT, XVERSE_256K, tiny


def read(config: dict[str, Any]) -> Published:
    """What a configuration of a known family is."""
    found = read_published(config)
    assert found is not None
    return found


# Name → runs_as, window, base, scaling, length that it extends, turned dimensions
FACTS: dict[str, tuple[str, int, float, str | None, int | None, int | None]] = {
    "index-1.9b": ("llama", 4096, 10000.0, None, None, None),
    "index-1.9b-32k": ("llama", 32768, 320000.0, None, None, None),
    "internlm-7b, old": ("llama", 2048, 10000.0, None, None, None),
    "internlm-7b": ("llama", 2048, 10000.0, "dynamic:1", 2048, None),
    "xverse-7b": ("llama", 8192, 10000.0, None, None, None),
    "xverse-13b-256k": ("llama", 262144, 500000.0, "dynamic:2", 32768, None),
    "chatglm2-6b": ("glm", 32768, 10000.0, None, None, 64),
    "chatglm2-6b-32k": ("glm", 32768, 10000.0, "linear:16", 2048, 64),
    "chatglm3-6b-32k": ("glm", 32768, 500000.0, None, None, 64),
    "glm-4-9b-chat": ("glm", 131072, 5e6, None, None, 64),
    "glm-4-9b-chat-1m": ("glm", 1048576, 1e8, None, None, 64),
    "longchat-7b-16k": ("llama", 16384, 10000.0, "linear:8", 2048, None),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_folder_has_the_window_and_the_rope_of_its_network(name: str, tmp_path: Path) -> None:
    """Before its weights are touched, and without its code."""
    (tmp_path / "config.json").write_text(json.dumps(CONFIGS[name]), "utf-8")

    card = load_card(tmp_path)

    assert FACTS[name] == (
        card.architecture.runs_as, card.context_length, card.rope.theta, card.rope.scaling, card.rope.original_length,
        card.architecture.rotary_dim,
    )  # fmt: skip
    assert not card.trust_remote_code_required


# Name → layers, hidden, feed-forward, heads, heads of keys and values, width of a head, vocabulary
WIDTHS = {
    "index-1.9b": (36, 2048, 5888, 16, 16, 128, 65029),
    "internlm-7b": (32, 4096, 11008, 32, 32, 128, 103168),
    "xverse-13b-256k": (40, 5120, 13824, 40, 40, 128, 100534),
    "chatglm2-6b-32k": (28, 4096, 13696, 32, 2, 128, 65024),
    "glm-4-9b-chat-1m": (40, 4096, 13696, 32, 4, 128, 151552),
}


@pytest.mark.parametrize("name", WIDTHS)
def test_a_folder_has_the_widths_of_its_network(name: str, tmp_path: Path) -> None:
    """In whatever words they were published."""
    (tmp_path / "config.json").write_text(json.dumps(CONFIGS[name]), "utf-8")

    shape = load_card(tmp_path).architecture

    assert WIDTHS[name] == (
        shape.layers, shape.hidden, shape.feed_forward, shape.heads, shape.kv_heads, shape.head_dim, shape.vocabulary
    )  # fmt: skip


@pytest.mark.parametrize("name", CONFIGS)
def test_every_field_of_the_published_files_is_known(name: str) -> None:
    """And nothing stands in the way."""
    found = read(CONFIGS[name])

    assert ((), ()) == (found.obstacles, found.unknown)


@pytest.mark.parametrize("name", CONFIGS)
def test_transformers_loads_what_was_read_as_it_stands(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Each field is one of the class, with its value, and nothing is warned of."""
    transformers = pytest.importorskip("transformers")
    found = read(CONFIGS[name])
    config = json.loads(json.dumps(dict(found.config)))

    transformers.utils.logging.enable_propagation()
    loaded = transformers.AutoConfig.for_model(**config).to_dict()
    transformers.utils.logging.disable_propagation()

    assert found.runs_as == config["model_type"]
    assert not {"auto_map", "norm_head", "rope_scaling", "rope_ratio", "torch_dtype"} & config.keys()
    assert config == {key: loaded[key] for key in config}
    assert [] == caplog.records


@pytest.mark.parametrize("name", CONFIGS)
def test_the_class_that_is_named_is_made_of_it(name: str) -> None:
    """With the number format that was published, and every tensor in the stated widths."""
    transformers, torch = pytest.importorskip("transformers"), pytest.importorskip("torch")
    config = transformers.AutoConfig.for_model(**read(tiny(CONFIGS[name])).config)

    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(config)

    assert read(CONFIGS[name]).config["architectures"] == [type(model).__name__]
    assert (120, 32) == tuple(model.get_output_embeddings().weight.shape)


@pytest.mark.parametrize(
    ("config", "name"),
    [
        (INDEX, "IndexForCausalLM"),
        (CHATGLM2, "ChatGLMModel"),
        (CHATGLM2 | {"architectures": ["ChatGLMForConditionalGeneration"]}, "ChatGLMForConditionalGeneration"),
        (CHATGLM2 | {"architectures": None}, "ChatGLMForConditionalGeneration"),
        (INTERNLM | {"architectures": []}, "InternLMForCausalLM"),
        ({key: value for key, value in XVERSE_256K.items() if key != "architectures"}, "XverseForCausalLM"),
        (LONGCHAT | {"architectures": None}, "LlamaForCausalLM"),
    ],
)
def test_a_family_is_told_by_its_class_or_else_by_its_type(config: dict[str, Any], name: str) -> None:
    """As published models state one, the other, or both."""
    assert name == read(config).name


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"architectures": "IndexForCausalLM", "model_type": "index"},
        {"architectures": [["IndexForCausalLM"]], "model_type": "index"},
        INDEX | {"architectures": ["IndexForSequenceClassification"]},
        CHATGLM2 | {"architectures": ["ChatGLMForSequenceClassification"]},
        {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2"},
        {"model_type": "glm"},
    ],
    ids=str,
)
def test_other_networks_are_left_alone(config: dict[str, Any]) -> None:
    """Built in, or not known here, which loading says."""
    assert read_published(config) is None


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        (INDEX | {"hidden_size": "2048"}, "hidden_size: expected a positive whole number"),
        (INDEX | {"hidden_size": 2050}, "num_attention_heads: expected a divisor of hidden_size 2050, found 16"),
        (INDEX | {"num_key_value_heads": 3}, "num_key_value_heads: expected a divisor of num_attention_heads 16"),
        (INDEX | {"hidden_act": 5}, "hidden_act: expected a word"),
        (INDEX | {"norm_head": "yes"}, "norm_head: expected true or false, found 'yes'"),
        (INDEX | {"norm_head": 2}, "norm_head: expected true or false, found 2"),
        (INDEX | {"rms_norm_eps": 0}, "rms_norm_eps: expected a number between 0 and 1"),
        (INDEX | {"rms_norm_eps": float("nan")}, "rms_norm_eps: expected a number between 0 and 1"),
        (INDEX | {"eos_token_id": {"a": 1}}, "eos_token_id: expected a token id or a list of them"),
        (INDEX | {"bos_token_id": True}, "bos_token_id: expected a token id"),
        (INDEX | {"torch_dtype": "int8"}, "torch_dtype: expected float32, float16 or bfloat16, found 'int8'"),
        (INDEX | {"torch_dtype": ["float16"]}, "torch_dtype: expected float32"),
        (INDEX | {"rope_scaling": "linear"}, "rope_scaling: expected an object"),
        (INTERNLM | {"rotary": "dynamic"}, "rotary: expected an object, found 'dynamic'"),
        (INTERNLM | {"rotary": {"type": "dynamic", "base": -1}}, "base: expected a positive number"),
        (XVERSE_256K | {"max_tokenizer_truncation": 0}, "max_tokenizer_truncation: expected a positive whole number"),
        (CHATGLM2 | {"rope_ratio": "16"}, "rope_ratio: expected a positive number"),
        (CHATGLM2 | {"multi_query_group_num": 3}, "multi_query_group_num: expected a divisor of num_attention_heads"),
        (LONGCHAT | {"rope_condense_ratio": "8"}, "rope_condense_ratio: expected a positive number"),
    ],
    ids=str,
)
def test_a_value_that_a_field_cannot_have_is_named(config: dict[str, Any], problem: str) -> None:
    """With the field, what was expected, and what was found."""
    with pytest.raises(ConfigError, match=problem):
        read_published(config)


@pytest.mark.parametrize("config", [INDEX, INTERNLM, XVERSE_256K, CHATGLM2], ids=lambda each: each["architectures"][0])
def test_a_field_that_nobody_knows_is_told(config: dict[str, Any]) -> None:
    """Sorted; one that says nothing is none."""
    found = read(config | {"zeta": 0, "alpha_beta": {"a": 1}, "nothing": None})

    assert ("alpha_beta", "zeta") == found.unknown
    assert read(config).config == found.config


@pytest.mark.parametrize("config", [INDEX, INTERNLM, XVERSE_256K], ids=lambda each: each["architectures"][0])
@pytest.mark.parametrize(
    ("changes", "obstacle"),
    [
        ({"hidden_act": "gelu"}, "hidden_act is 'gelu', and llama here computes silu"),
        ({"quantization_config": {"bits": 4}}, "quantization_config says how to unpack the weights"),
        ({"hidden_size": None}, "hidden_size is not stated, and its own class alone knows"),
        ({"rms_norm_eps": None}, "rms_norm_eps is not stated"),
    ],
    ids=str,
)
def test_what_llama_does_not_compute_is_an_obstacle(
    config: dict[str, Any], changes: dict[str, Any], obstacle: str
) -> None:
    """Named, and no configuration is made."""
    found = read(config | changes)

    assert [True] == [each.startswith(obstacle) for each in found.obstacles]
    assert ({}, frozenset()) == (found.config, found.native_in)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (1, 2, 0)),
        ({"pad_token_id": -1}, (1, 2, None)),
        ({"pad_token_id": 65029}, (1, 2, None)),
        ({"eos_token_id": [2, 7], "bos_token_id": None}, (None, [2, 7], 0)),
        ({"eos_token_id": [65029]}, (1, None, 0)),
    ],
    ids=str,
)
def test_tokens_are_those_that_the_embedding_has(changes: dict[str, Any], expected: tuple[object, ...]) -> None:
    """A filling token outside of it would be refused by the class."""
    config = read(INDEX | changes).config

    assert expected == (config["bos_token_id"], config["eos_token_id"], config["pad_token_id"])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [({}, "bfloat16"), ({"torch_dtype": "torch.float16"}, "float16"), ({"dtype": "float32"}, "float32"),
     ({"torch_dtype": None}, None)],
    ids=str,
)  # fmt: skip
def test_the_number_format_is_read_in_every_spelling(changes: dict[str, Any], expected: str | None) -> None:
    """That of transformers 5 first."""
    assert expected == read(INDEX | changes).config.get("dtype")


def test_what_transformers_writes_into_every_file_is_known() -> None:
    """Fields of its own that change nothing of what is computed."""
    transformers = pytest.importorskip("transformers")
    ordinary = set(transformers.PretrainedConfig().to_dict()) - {"dtype"}

    assert () == read({**dict.fromkeys(ordinary, 1), **INDEX}).unknown


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
FIELDS = sorted({key for config in CONFIGS.values() for key in config} | {"vision_config", "position_encoding_2d"})


@given(
    base=st.sampled_from([*CONFIGS.values(), {}]),
    names=st.sampled_from([*_BY_ARCHITECTURE, *_BY_MODEL_TYPE]),
    changes=st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=8), JSON, max_size=4),
)
def test_any_object_is_read_or_refused_in_one_line(
    base: dict[str, Any], names: str, changes: dict[str, object]
) -> None:
    """Whatever stands in it; what is read is complete, or has obstacles."""
    config = {**base, "architectures": [names] if names in _BY_ARCHITECTURE else None, "model_type": names, **changes}
    try:
        found = read_published(config)
    except ConfigError as error:
        assert len(str(error).splitlines()) == 1
        return

    assert found is None or bool(found.config) is not bool(found.obstacles)
