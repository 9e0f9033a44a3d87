"""Reads the fields of one published configuration, and keeps what stands in the way of a built-in architecture."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from evalkit.cards._window import ConfigError, count, number
from evalkit.errors import shown

from ._record import Published

__all__ = ["Fields"]

_FORMATS = {"float32", "float16", "bfloat16"}
_TOKENS = ("bos_token_id", "eos_token_id", "pad_token_id")

# What releases 4 and 5 of transformers write into every configuration, and what training alone reads: none of it
# changes what a decoder computes. `generate` takes its settings from generation_config.json.
_ORDINARY = frozenset({
    "_attn_implementation_autoset", "_commit_hash", "_name_or_path", "add_cross_attention", "architectures",
    "attention_dropout", "attn_implementation", "auto_map", "bad_words_ids", "begin_suppress_tokens",
    "chunk_size_feed_forward", "classifier_dropout", "cross_attention_hidden_size", "decoder_start_token_id",
    "diversity_penalty", "do_sample", "dtype", "early_stopping", "encoder_no_repeat_ngram_size",
    "exponential_decay_length_penalty", "finetuning_task", "forced_bos_token_id", "forced_eos_token_id", "id2label",
    "initializer_range", "is_decoder", "is_encoder_decoder", "keys_to_ignore_at_inference", "label2id",
    "length_penalty", "max_length", "min_length", "model_type", "no_repeat_ngram_size", "num_beam_groups", "num_beams",
    "num_labels", "num_return_sequences", "output_attentions", "output_hidden_states", "output_scores", "prefix",
    "pretraining_tp", "problem_type", "pruned_heads", "remove_invalid_values", "repetition_penalty", "return_dict",
    "return_dict_in_generate", "sep_token_id", "suppress_tokens", "task_specific_params", "temperature",
    "tf_legacy_loss", "tie_encoder_decoder", "tokenizer_class", "top_k", "top_p", "torch_dtype", "torchscript",
    "transformers_version", "typical_p", "unk_token_id", "use_bfloat16", "use_cache",
})  # fmt: skip


class Fields:
    """One configuration: each method reads a field, `ConfigError` where it holds what it cannot.

    What no built-in architecture computes becomes an obstacle; a field that nothing read is unknown.
    """

    def __init__(self, config: Mapping[str, object], runs_as: str) -> None:
        self._config = config
        self._runs_as = runs_as
        self._read: set[str] = set()
        self.obstacles: list[str] = []

    def _take(self, key: str) -> object:
        self._read.add(key)
        return self._config.get(key)

    def has(self, key: str) -> bool:
        """Whether the field is there and not null."""
        return self._take(key) is not None

    def ignore(self, *keys: str) -> None:
        """Take fields for known that change nothing of what is computed."""
        self._read.update(keys)

    def refuse(self, obstacle: str) -> None:
        """Note what the built-in architecture cannot compute."""
        self.obstacles.append(obstacle)

    def count(self, key: str) -> int | None:
        """A positive whole number; None where it is absent."""
        self._read.add(key)
        return count(self._config, key)

    def needed(self, key: str) -> int:
        """A positive whole number; an obstacle, and 0, where it is absent."""
        found = self.count(key)
        if found is None:
            self.refuse(f"{key} is not stated, and its own class alone knows what it takes instead")
        return found or 0

    def number(self, key: str, default: float) -> float:
        """A positive number."""
        self._read.add(key)
        found = number(self._config, key)
        return default if found is None else found

    def epsilon(self, key: str) -> float:
        """What a norm adds below its root, between 0 and 1; an obstacle, and 1, where it is absent."""
        value = self._take(key)
        if value is None:
            self.refuse(f"{key} is not stated, and its own class alone knows what it takes instead")
            return 1.0
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
            raise ConfigError(f"{key}: expected a number between 0 and 1, found {shown(value)}")
        return float(value)

    def flag(self, key: str, *, default: bool) -> bool:
        """Yes or no, also as 1 or 0."""
        value = self._take(key)
        if value is None:
            return default
        if not isinstance(value, bool | int) or value not in (0, 1):
            raise ConfigError(f"{key}: expected true or false, found {shown(value)}")
        return bool(value)

    def expect(self, key: str, value: bool, *, default: bool) -> None:
        """Note an obstacle where a yes or no is another than the built-in architecture has."""
        if self.flag(key, default=default) is not value:
            found, wanted = (str(each).lower() for each in (not value, value))
            where = "" if self.has(key) else " where it is not stated"
            self.refuse(f"{key} is {found}{where}, and {self._runs_as} here computes {wanted}")

    def expect_none(self, key: str) -> None:
        """Note an obstacle where a field is anything but 0, false or null."""
        value = self._take(key)
        if value:
            self.refuse(f"{key} is {shown(value)}, and {self._runs_as} here computes 0")

    def activation(self) -> None:
        """Note an obstacle where the feed-forward layers are not gated by SiLU."""
        value = self._take("hidden_act")
        if value is not None and not isinstance(value, str):
            raise ConfigError(f"hidden_act: expected a word, found {shown(value)}")
        if value not in (None, "silu"):
            self.refuse(f"hidden_act is {shown(value)}, and {self._runs_as} here computes silu")

    def unquantised(self) -> None:
        """Note an obstacle where the weights are not the numbers themselves."""
        if self.has("quantization_config"):
            self.refuse("quantization_config says how to unpack the weights, and only plain ones are converted")

    def parts(self, key: str, whole: int, *, of: str) -> int:
        """A number that divides `whole`, which the field `of` gave; 0, and no obstacle, where it is absent."""
        found = self.count(key) or 0
        if found and whole % found:
            raise ConfigError(f"{key}: expected a divisor of {of} {whole}, found {found}")
        return found

    def tokens(self, vocabulary: int) -> dict[str, object]:
        """Ids of the tokens that begin, end and fill a text; those that no row of the embedding has are left out."""
        return {key: self._token(key, vocabulary) for key in _TOKENS}

    def _token(self, key: str, vocabulary: int) -> object:
        value = self._take(key)
        ids = value if isinstance(value, list) else [] if value is None else [value]
        if any(isinstance(each, bool) or not isinstance(each, int) for each in ids):
            raise ConfigError(f"{key}: expected a token id or a list of them, found {shown(value)}")
        inside = [each for each in ids if isinstance(each, int) and 0 <= each < vocabulary]
        if isinstance(value, list) and key == "eos_token_id":
            return inside or None
        return inside[0] if inside else None

    def dtype(self) -> dict[str, object]:
        """The number format, in the spelling of transformers 5; empty where none is stated."""
        value = self._take("dtype") or self._take("torch_dtype")
        if value is None:
            return {}
        name = value.removeprefix("torch.") if isinstance(value, str) else value
        if not isinstance(name, str) or name not in _FORMATS:
            raise ConfigError(f"torch_dtype: expected float32, float16 or bfloat16, found {shown(value)}")
        return {"dtype": name}

    def published(self, name: str, built_in: Mapping[str, object], native_in: Collection[str] = ()) -> Published:
        """What was read, under the published name; with obstacles there is no configuration, and no backend has it."""
        if self.obstacles:
            return Published(name, self._runs_as, {}, obstacles=tuple(self.obstacles), unknown=self.unknown)
        return Published(name, self._runs_as, dict(built_in), native_in=frozenset(native_in), unknown=self.unknown)

    @property
    def unknown(self) -> tuple[str, ...]:
        """Fields with a value that nothing read, and that mean something; sorted."""
        left = self._config.keys() - self._read - _ORDINARY
        return tuple(sorted(key for key in left if self._config[key] is not None))
