"""A model folder's `tokenizer.json`, read without transformers or torch, with the ids that transformers gives.

transformers 5 changes what it reads: it builds some classes anew, adds the special tokens that the other files name,
and puts a post-processor where there is none. The same is done here, step by step (`TokenizersBackend.__init__`,
`PreTrainedTokenizerBase._from_pretrained` of 5.19). Whatever this does not follow for certain gives None, and
transformers reads the folder instead: the ids are the same either way.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._backend_class import BackendClass, backend_class

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["TokenizerFile", "chat_template_of", "cleaned_up", "read_tokenizer_file"]

# The tokens with a name of their own; transformers asks for them in this order.
NAMED = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")

# Keys of tokenizer_config.json, besides tokens, whose meaning here is transformers'. Any other may be a keyword of its
# own code that decides ids (`trust_remote_code` takes the file as it is, `_json_padding` brings a token), today or in
# its next release, so it is asked.
_FOLLOWED = {
    "add_bos_token", "add_eos_token", "add_prefix_space", "added_tokens_decoder", "additional_special_tokens",
    "backend", "chat_template", "clean_up_tokenization_spaces",
    "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output", "cls_token_segment_id", "device_map",
    "do_lower_case", "errors", "extra_special_tokens", "files_loaded", "from_slow", "is_local", "keep_accents",
    "legacy", "local_files_only", "max_length", "max_lenth", "merges_file", "model_input_names", "model_max_length",
    "name_or_path", "pad_to_multiple_of", "pad_token_type_id", "padding_side", "processor_class", "remove_space",
    "response_schema", "sp_model_kwargs", "spaces_between_special_tokens", "special_tokens_map_file",
    "split_special_tokens", "stride", "strip_accents", "tokenizer_class", "tokenizer_file", "trim_offsets",
    "truncation_side", "truncation_strategy", "unk_id", "use_default_system_prompt", "use_fast", "verbose",
    "vocab_file",
}  # fmt: skip

_Values = dict[str, Any]


class _NotFollowedError(Exception):
    """The folder holds something that only transformers can be asked about."""


class _File:
    """A `tokenizer.json`, parsed when something asks for its object: with large vocabularies that takes a while."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def state(self) -> _Values:
        """The object of the file."""
        return _object(self.path)


class TokenizerFile:
    """A tokenizer of `tokenizer.json`, with as much of transformers' interface as `PromptTokenizer` asks for."""

    is_fast = True

    def __init__(self, core: Tokenizer, named: Mapping[str, str], values: Mapping[str, Any], template: Any) -> None:
        self.backend_tokenizer = core
        self.special_tokens_map = dict(named)
        self.chat_template: str | dict[str, str] | None = template
        self.model_max_length = 0
        is_bpe = (
            type(core.model).__name__ == "BPE"
        )  # joining " ," to "," spoils BPE, so transformers leaves it out there
        is_forced = values.get("clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output", False)
        self._cleans_up = bool(values.get("clean_up_tokenization_spaces", False)) and (not is_bpe or bool(is_forced))

    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
        """Ids of a text."""
        return self.backend_tokenizer.encode(text, add_special_tokens=add_special_tokens).ids

    def decode(
        self, ids: list[int], *, skip_special_tokens: bool, clean_up_tokenization_spaces: bool | None = None
    ) -> str:
        """Text of those ids; cleaned up as the files say where nothing is asked."""
        text = self.backend_tokenizer.decode(ids, skip_special_tokens=skip_special_tokens)
        cleans_up = self._cleans_up and clean_up_tokenization_spaces is not False
        return cleaned_up(text) if cleans_up else text

    @property
    def bos_token_id(self) -> int | None:
        """Id of the token that begins texts."""
        return self._named_id("bos_token")

    @property
    def eos_token_id(self) -> int | None:
        """Id of the token that ends texts."""
        return self._named_id("eos_token")

    def _named_id(self, name: str) -> int | None:
        token = self.special_tokens_map.get(name)
        return None if token is None else self.backend_tokenizer.token_to_id(token)

    def __len__(self) -> int:
        return self.backend_tokenizer.get_vocab_size(with_added_tokens=True)


# In this order: `clean_up_tokenization` of transformers, which published code relied on.
_CLEANED = (
    (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"), (" 's", "'s"),
    (" 've", "'ve"), (" 're", "'re"),
)  # fmt: skip


def cleaned_up(text: str) -> str:
    """The text as `clean_up_tokenization` of transformers leaves it."""
    for spaced, joined in _CLEANED:
        text = text.replace(spaced, joined)
    return text


def read_tokenizer_file(folder: Path, *, trust_remote_code: bool = False) -> TokenizerFile | None:
    """The tokenizer of a model folder; None where transformers has to be asked.

    Files that cannot be read or parsed are transformers' to name too; what `tokenizers` says of a damaged
    `tokenizer.json` is raised as it is.
    """
    path = folder / "tokenizer.json"
    if not path.is_file():
        return None
    try:
        config = _object(folder / "config.json")
        values = _object(folder / "tokenizer_config.json")
        if trust_remote_code and "auto_map" in config:
            return None
        kind = backend_class(config, values, str(folder))
        if kind is None:
            return None
        return _loaded(folder, _File(path), kind, values)
    except (_NotFollowedError, OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _object(path: Path) -> _Values:
    """The object of a JSON file; empty where there is none."""
    if not path.is_file():
        return {}
    found = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise _NotFollowedError
    return found


def _loaded(folder: Path, file: _File, kind: BackendClass, values: _Values) -> TokenizerFile:
    if not all(key in _FOLLOWED or key.endswith("_token") for key in values):
        raise _NotFollowedError
    template = chat_template_of(folder, values)
    values, added = _with_tokens(folder, file, values)
    core, has_post_processor = _core(file, kind, values)
    values = {**(kind.defaults or {}), **values}
    padding = core.padding
    if padding is not None:
        values.setdefault("pad_token", padding["pad_token"])
    named, extra = _special(values)
    core.encode_special_tokens = values.get("split_special_tokens", False)
    _add_tokens(core, added, named, extra)
    _finish(core, kind, named, extra, has_post_processor)
    return TokenizerFile(core, {name: str(token) for name, token in named.items()}, values, template)


def _core(file: _File, kind: BackendClass, values: _Values) -> tuple[Tokenizer, bool]:
    """The tokenizer before tokens are added, and whether it has a post-processor."""
    from tokenizers import Tokenizer

    if kind.build is None:
        core = Tokenizer.from_file(str(file.path))
        return core, core.post_processor is not None
    model = file.state["model"]
    if model.get("type") != "BPE" or not isinstance(model["vocab"], dict):
        raise _NotFollowedError
    merges = [tuple(merge.split(" ")) if isinstance(merge, str) else tuple(merge) for merge in model["merges"]]
    core = kind.build(model["vocab"], merges, values)
    hollow = {**file.state, "model": {**model, "vocab": {}, "merges": []}, "added_tokens": []}
    shell = Tokenizer.from_str(json.dumps(hollow))  # reads the parts of the file without its vocabulary
    if shell.padding is not None:
        core.enable_padding(**shell.padding)
    if shell.post_processor is not None:
        core.post_processor = shell.post_processor
    return core, shell.post_processor is not None


def _with_tokens(folder: Path, file: _File, values: _Values) -> tuple[_Values, dict[int, Any]]:
    """The keyword arguments with special tokens as the files mean them, and added tokens by id."""
    values = {key: value for key, value in values.items() if key not in {"add_bos_token", "add_eos_token"}}
    if "additional_special_tokens" in values:
        if values.get("extra_special_tokens"):
            raise _NotFollowedError
        values["extra_special_tokens"] = values.pop("additional_special_tokens")
    if "added_tokens_decoder" in values:
        listed = [(int(number), _token(state)) for number, state in values["added_tokens_decoder"].items()]
    else:
        _merge_special_tokens_map(folder, values)
        listed = list(_scattered_tokens(folder, file, values))
        if "additional_special_tokens" in values and "extra_special_tokens" not in values:
            # Only now: for added_tokens.json those of the older file are no special tokens yet.
            values["extra_special_tokens"] = values.pop("additional_special_tokens")
    by_text = {str(token): token for _, token in listed}
    for key, value in values.items():
        values[key] = _revived(value)
    for key in NAMED:
        if values.get(key) is not None:
            values[key] = by_text.get(str(values[key]), values[key])
    return values, dict(listed)


def _scattered_tokens(folder: Path, file: _File, values: _Values) -> Iterator[tuple[int, Any]]:
    """The added tokens with their ids where tokenizer_config.json lists none."""
    for text, number in _object(folder / "added_tokens.json").items():
        yield number, _plain_token(text, values)
    for state in file.state["added_tokens"]:
        yield state["id"], _token({key: value for key, value in state.items() if key != "id"})


def _merge_special_tokens_map(folder: Path, values: _Values) -> None:
    """`special_tokens_map.json`, of older releases, wins where tokenizer_config.json lists no added tokens."""
    given = _object(folder / "special_tokens_map.json")
    is_named = isinstance(values.get("extra_special_tokens"), dict) and "additional_special_tokens" in given
    if is_named or not set(given) <= {*NAMED, "additional_special_tokens"}:  # any key of it becomes a keyword
        raise _NotFollowedError
    for key, value in given.items():
        if isinstance(value, dict):
            state = {name: each for name, each in value.items() if name != "special"}
            value = _token({**state, "special": True})
        values[key] = value


def _plain_token(text: str, values: _Values) -> Any:
    """A token of `added_tokens.json`, which says no more than its id."""
    special = {str(values[key]) for key in NAMED if values.get(key)}
    special |= {str(each) for each in values.get("extra_special_tokens") or ()}
    is_special = text in special
    return _token({"content": text, "normalized": not is_special, "special": is_special})


def _token(state: Any) -> Any:
    from tokenizers import AddedToken

    if not isinstance(state, dict):
        raise _NotFollowedError
    return AddedToken(**{key: value for key, value in state.items() if key != "__type"})


def _revived(value: Any) -> Any:
    """The value with tokens in place of the objects that stand for them."""
    if isinstance(value, dict) and value.get("__type") == "AddedToken":
        return _token(value)
    return [_revived(each) for each in value] if isinstance(value, list) else value


def _special(values: _Values) -> tuple[dict[str, Any], list[Any]]:
    """The special tokens that have a name, in transformers' order, and those that have none."""
    extra = values.get("extra_special_tokens") or []
    others = {key: value for key, value in values.items() if key.endswith("_token") and key not in NAMED}
    # transformers takes plain texts aside before it makes tokens of objects, and comes back to them after those.
    others = dict(sorted(others.items(), key=lambda pair: isinstance(pair[1], str)))
    if isinstance(extra, dict):
        if not extra.keys().isdisjoint(NAMED):
            raise _NotFollowedError
        others, extra = {**others, **extra}, []
    named = {key: values[key] for key in NAMED if values.get(key) is not None}
    named |= {key: value for key, value in others.items() if _is_token(value)}
    tokens = [*named.values(), *extra]
    if not all(map(_is_token, tokens)) or any(isinstance(value, dict) for value in others.values()):
        raise _NotFollowedError
    if not all(map(str, named.values())):  # an empty one has no id, for which transformers takes the unknown token's
        raise _NotFollowedError
    return named, list(extra)


def _is_token(value: Any) -> bool:
    return isinstance(value, str) or type(value).__name__ == "AddedToken"


def _add_tokens(core: Tokenizer, added: Mapping[int, Any], named: Mapping[str, Any], extra: Sequence[Any]) -> None:
    """Add what the files name and the tokenizer does not have; ids follow from the order."""
    wanted = [added[number] for number in sorted(added)]
    there = [token.content for _, token in sorted(core.get_added_tokens_decoder().items())]
    there += [str(token) for token in wanted]
    for token in [*named.values(), *extra]:
        if str(token) not in there and token not in wanted:
            wanted.append(token)
    if wanted:
        core.add_tokens(list(_marked(wanted, {str(token) for token in named.values()})))


def _marked(tokens: Sequence[Any], named: set[str]) -> Iterator[Any]:
    """The tokens, special where a name or only their text is known."""
    from tokenizers import AddedToken

    for token in tokens:
        if isinstance(token, str):
            yield AddedToken(token, special=True)
        else:
            if not token.special and token.content in named:
                token.special = True
            yield token


def _finish(
    core: Tokenizer, kind: BackendClass, named: Mapping[str, Any], extra: Sequence[Any], has_post_processor: bool
) -> None:
    from tokenizers import AddedToken, processors

    if kind.forgets_post_processor or not has_post_processor:
        core.post_processor = processors.TemplateProcessing(single="$A:0", pair="$A:0 $B:1", special_tokens=[])
    if kind.marks_special:
        texts = dict.fromkeys(str(token) for token in [*named.values(), *extra])
        core.add_tokens([AddedToken(text, special=True) for text in texts])


def chat_template_of(folder: Path, values: Mapping[str, Any]) -> Any:
    """The chat template: files win over tokenizer_config.json; a list of named ones becomes a dictionary."""
    files: dict[str, Callable[[], str]] = {}
    if (folder / "chat_template.jinja").is_file():
        files["default"] = lambda: (folder / "chat_template.jinja").read_text(encoding="utf-8")
    others = folder / "additional_chat_templates"
    for path in sorted(others.glob("*.jinja")) if others.is_dir() else ():
        files[path.name.removesuffix(".jinja")] = lambda path=path: path.read_text(encoding="utf-8")  # type: ignore[misc]
    if list(files) == ["default"]:
        return files["default"]()
    if files:
        return {name: read() for name, read in files.items()}
    found = values.get("chat_template")
    return {each["name"]: each["template"] for each in found} if isinstance(found, list) else found
