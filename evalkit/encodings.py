"""tiktoken's encodings, and where their vocabularies are kept."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
from collections.abc import Iterator
from typing import Any

from evalkit.errors import DataError, UnknownNameError, one_line
from evalkit.paths import cache_root, data_root

__all__ = ["tiktoken_encoding", "vocabulary_file", "vocabulary_folder"]

FOLDER_VARIABLES = ("TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR")  # where tiktoken itself looks

ADDRESS = "https://openaipublic.blob.core.windows.net"
# tiktoken_ext/openai_public.py: a vocabulary is `encodings/NAME.tiktoken` but for these.
PLACES = {
    "gpt2": "gpt-2/encodings/main/vocab.bpe",
    "p50k_edit": "encodings/p50k_base.tiktoken",
    "o200k_harmony": "encodings/o200k_base.tiktoken",
}
SECOND_PLACES = {"gpt2": "gpt-2/encodings/main/encoder.json"}  # of the one vocabulary that is two files


@functools.cache
def tiktoken_encoding(name: str, *, hint: str = "") -> Any:
    """The encoding of that name, such as `cl100k_base`.

    Raises `UnknownNameError` (with `hint`) where tiktoken has none of that name, `DataError` where its vocabulary is
    neither at hand nor to be downloaded.
    """
    import tiktoken

    names = tiktoken.list_encoding_names()
    if name not in names:
        raise UnknownNameError("tiktoken encoding", name, names, hint)
    with vocabulary_folder(name) as folder:
        try:
            return tiktoken.get_encoding(name)
        except Exception as error:  # tiktoken lets through whatever its downloader or the file system raises
            files = vocabulary_file(name)
            files += f" and {_cached(SECOND_PLACES[name])}" if name in SECOND_PLACES else ""
            raise DataError(
                f"the vocabulary of tiktoken's {name} is not in {folder} and cannot be downloaded "
                f"({one_line(error, 160)}): set TIKTOKEN_CACHE_DIR to a folder that has it as {files}"
            ) from error


def vocabulary_file(name: str) -> str:
    """The file of an encoding's vocabulary in tiktoken's cache: the SHA-1 of the address it is downloaded from."""
    return _cached(PLACES.get(name, f"encodings/{name}.tiktoken"))


def _cached(place: str) -> str:
    return hashlib.sha1(f"{ADDRESS}/{place}".encode()).hexdigest()


@contextlib.contextmanager
def vocabulary_folder(name: str) -> Iterator[str]:
    """The folder tiktoken looks in meanwhile: the user's, else below EVALKIT_DATA if it is there, else the cache."""
    named = next((os.environ[variable] for variable in FOLDER_VARIABLES if variable in os.environ), None)
    if named is not None:
        yield named
        return
    places = [root / "tokenizers" for root in (data_root(), cache_root()) if root is not None]
    folder = next((place for place in places if (place / vocabulary_file(name)).is_file()), places[-1])
    os.environ[FOLDER_VARIABLES[0]] = str(folder)
    try:
        yield str(folder)
    finally:
        del os.environ[FOLDER_VARIABLES[0]]
