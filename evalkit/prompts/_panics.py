"""What the tokenizers library does with a damaged `tokenizer.json`: plain exceptions, and panics of its Rust code.

A panic passes `except Exception`, and its message goes to standard error before anybody can catch it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evalkit.errors import CardError, one_line

__all__ = ["check_merges", "is_panic", "named", "provoke", "quietly"]

# Letters, digits, blanks and scripts that splitting and normalising treat apart, and a run in which a pattern with a
# repetition inside a repetition tries every division there is.
TEXTS = ("", "a", " a  B\t1\n\n", "Fluß 中文。🙂 <s>", "a" * 40 + "!", "1" * 40 + "a", " " * 40 + "a", "\u0301\u0000")


_WITH_PREFIX = re.compile(rb'"continuing_subword_prefix"\s*:\s*"[^"]')


def check_merges(path: Path) -> None:
    """Raises a CardError for merges that lack the prefix which their model cuts off: these abort the whole process."""
    content = path.read_bytes()
    if _WITH_PREFIX.search(content) is None:  # nearly all, so that their vocabularies are not parsed twice
        return
    model = json.loads(content).get("model", {})
    prefix = model.get("continuing_subword_prefix")
    for merge in (model.get("merges") or ()) if prefix else ():
        pair = merge.split(" ") if isinstance(merge, str) else merge
        if not str(pair[-1]).startswith(str(prefix)):
            raise CardError(
                f"{path}: model: merge {str(merge)[:40]!r} lacks continuing_subword_prefix: replace the file"
            )


def is_panic(error: BaseException) -> bool:
    """Whether Rust code panicked; the type of such errors can be had from the errors alone."""
    return type(error).__name__ == "PanicException"


@contextlib.contextmanager
def named(place: str) -> Iterator[None]:
    """Turns what the tokenizers library raises into one line that names the file."""
    try:
        yield
    except BaseException as error:
        if is_panic(error) or type(error) is Exception:  # all that the library raises of a text
            reason = one_line(error)
            raise CardError(f"{place}: the tokenizer cannot read a text ({reason}): replace the file") from None
        raise


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Keeps standard error of the whole process quiet; for moments only, as other threads are not heard either."""
    try:
        sys.stderr.flush()
        kept = os.dup(2)
    except (OSError, ValueError, AttributeError):  # no standard error: nothing to keep quiet
        yield
        return
    try:
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123, a device
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def provoke(core: Any) -> None:
    """Let a tokenizer panic now, where it is quiet, if it is one that does; other errors are left to their texts."""
    for text in TEXTS:
        try:
            core.decode(core.encode(text, add_special_tokens=True).ids)
        except Exception:  # unknown words without an unknown token: a real text may have none
            continue
