"""What a model's generation configuration asks of greedy decoding, field by field.

`transformers.generate` obeys it whenever it is there, and so did the published set-ups, which only switched sampling
off (OpenCompass `HuggingFacewithChatTemplate`: `do_sample = False`, then `generate`). A field is honoured as `generate`
does, changes nothing under greedy decoding with the protocol's own limit, or is refused where it is set.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from evalkit.errors import CardError, shown

__all__ = ["HONOURED", "REFUSED", "WITHOUT_EFFECT", "GenerationRules", "check_other_file", "read_rules"]


LARGEST_PENALTY = 1e6  # published ones lie between 1 and 2
LARGEST_COUNT = 10**9  # of tokens


def _is_given(value: Any) -> bool:
    return value is not None


def _above(least: float) -> Callable[[Any], bool]:
    return lambda value: not _is_number(value) or value > least


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


HONOURED: Mapping[str, Any] = {
    "sequence_bias": None,
    "encoder_repetition_penalty": 1.0,
    "repetition_penalty": 1.0,
    "no_repeat_ngram_size": 0,
    "encoder_no_repeat_ngram_size": 0,
    "bad_words_ids": None,
    "min_length": 0,
    "min_new_tokens": 0,
    "forced_bos_token_id": None,
    "forced_eos_token_id": None,
    "exponential_decay_length_penalty": None,
    "suppress_tokens": None,
    "begin_suppress_tokens": None,
    "renormalize_logits": False,
    "stop_strings": None,
}
"""Fields that are obeyed, in the order in which `generate` applies them, with the value that switches each off."""

REFUSED: Mapping[str, Callable[[Any], bool]] = {
    "num_beams": _above(1),
    "num_beam_groups": _above(1),
    "diversity_penalty": _above(0),
    "constraints": _is_given,
    "force_words_ids": _is_given,
    "penalty_alpha": _above(0),
    "dola_layers": _is_given,
    "guidance_scale": lambda value: value is not None and value != 1,
    "watermarking_config": _is_given,
    "token_healing": bool,
    "max_time": _is_given,
    "num_return_sequences": _above(1),
    "is_assistant": bool,
    "assistant_ensemble_weight": _is_given,
    "cache_implementation": lambda value: value == "quantized",  # the other caches hold the same numbers
}
"""Fields under which `generate` answers otherwise than evalkit would, each with the values that do so."""

WITHOUT_EFFECT = frozenset(
    {
        # Read by evalkit elsewhere, or set for each request by the protocol.
        "eos_token_id", "max_length", "max_new_tokens",
        # Sampling, which is switched off.
        "do_sample", "temperature", "top_k", "top_p", "min_p", "top_h", "typical_p", "epsilon_cutoff", "eta_cutoff",
        # Beam search, which is refused where there is any.
        "early_stopping", "length_penalty", "low_memory",
        # Under greedy decoding a draft is accepted only where it is what the model itself would say.
        "use_mtp", "prompt_lookup_num_tokens", "max_matching_ngram_size", "num_assistant_tokens",
        "num_assistant_tokens_schedule", "assistant_confidence_threshold", "assistant_early_exit",
        "assistant_lookbehind", "target_lookbehind", "speculation_type",
        # Where numbers are kept and how they are compiled.
        "use_cache", "cache_config", "max_cache_len", "prefill_chunk_size", "compile_config", "disable_compile",
        "continuous_batching_config",
        # It replaces logits that are no numbers; here such a sample fails. Of others it changes no winner.
        "remove_invalid_values",
        # What `generate` returns beside the tokens, and what it pads and begins with.
        "output_attentions", "output_hidden_states", "output_scores", "output_logits", "return_dict_in_generate",
        "pad_token_id", "bos_token_id", "decoder_start_token_id",
        "transformers_version",
    }
)  # fmt: skip
"""Fields that change no token of a greedy answer."""


@dataclass(frozen=True)
class GenerationRules:
    """What of a generation configuration is in force."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    """Honoured fields that are not switched off, in the order in which `generate` applies them."""
    source: str = ""
    """The file that they stand in."""

    @property
    def stop_strings(self) -> tuple[str, ...]:
        """Strings that end an answer, beside those of the card and of the protocol."""
        given = self.fields.get("stop_strings", ())
        return (given,) if isinstance(given, str) else tuple(given)

    @property
    def facts(self) -> dict[str, Any]:
        """For the manifest: the two penalties always, every other field where it is in force."""
        always = {name: HONOURED[name] for name in ("repetition_penalty", "no_repeat_ngram_size")}
        return always | {name: _plain(value) for name, value in self.fields.items()}

    def require_only(self, names: Collection[str], engine: str) -> None:
        """Refuse what an engine that has only the fields `names` cannot do."""
        for name, value in self.fields.items():
            if name not in names:
                raise CardError(
                    f"{self.source}: {name} is {shown(value)}, which {engine} does not have; use --backend hf"
                )


def read_rules(configuration: Any, source: str) -> GenerationRules:
    """The rules of a generation configuration (object or None), read from `source`; `CardError` for a refused one.

    `configuration` may carry other attributes; a field that only a later transformers knows is refused where it is set.
    """
    given = {name: value for name, value in vars(configuration).items() if value is not None} if configuration else {}
    for name, value in given.items():
        if _is_refused(name, value):
            raise CardError(
                f"{source}: {name} is {shown(value)}, under which transformers' generate answers otherwise than "
                "evalkit's greedy decoding; remove it from the file to run the model without it"
            )
    fields = {name: given[name] for name, off in HONOURED.items() if name in given and given[name] != off}
    _check_stop_strings(fields.get("stop_strings", ()), source)
    _check_numbers(fields, source)
    return GenerationRules(fields, source)


def check_other_file(given: Mapping[str, Any], configuration: Any, source: str) -> None:
    """Refuse what a `config.json` (its object is `given`, its path `source`) asks beside a generation configuration.

    Releases of transformers differ on which of the two files is obeyed; the current one's `generate` refuses it too.
    """
    for name in (*HONOURED, *REFUSED):
        value = given.get(name)
        is_set = value is not None and (REFUSED[name](value) if name in REFUSED else value != HONOURED[name])
        if is_set and value != getattr(configuration, name, None):
            raise CardError(
                f"{source}: {name} is {shown(value)} beside a generation_config.json that says otherwise; "
                "leave it in one of the two files"
            )


def _is_refused(name: str, value: Any) -> bool:
    if name in REFUSED:
        return REFUSED[name](value)
    known = name.startswith("_") or name in HONOURED or name in WITHOUT_EFFECT
    return not known and name in _fields_of_this_release()


def _fields_of_this_release() -> frozenset[str]:
    """Fields of the installed transformers' generation configuration: others are a repository's own, read by nobody."""
    from transformers import GenerationConfig

    return frozenset(vars(GenerationConfig()))


def _check_stop_strings(given: Any, source: str) -> None:
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) and text for text in texts):
        raise CardError(f"{source}: stop_strings is {shown(given)}: expected one text or a list of texts, none empty")


def _check_numbers(fields: dict[str, Any], source: str) -> None:
    """Refuse penalties that are no positive numbers; 2 becomes 2.0, the same in JSON and not in transformers."""
    for name in ("repetition_penalty", "encoder_repetition_penalty"):
        value = fields.get(name, 1.0)
        if not _is_number(value) or not 0 < value < LARGEST_PENALTY:
            raise CardError(f"{source}: {name} is {shown(value)}: expected a number above 0; correct it or remove it")
        if name in fields:
            fields[name] = float(value)
    for name in ("min_length", "min_new_tokens", "no_repeat_ngram_size"):
        value = fields.get(name, 0)
        if not _is_number(value) or not isinstance(value, int) or not 0 <= value < LARGEST_COUNT:
            raise CardError(
                f"{source}: {name} is {shown(value)}: expected a whole number from 0; correct it or remove it"
            )


def _plain(value: Any) -> Any:
    """The value as a manifest holds it: keys of objects are texts there."""
    return {str(key): each for key, each in value.items()} if isinstance(value, Mapping) else value
