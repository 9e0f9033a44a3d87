"""Whatever the bytes are: a document or one line, nothing else."""

from __future__ import annotations

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from evalkit.documents import document_of
from evalkit.errors import DataError
from tests.documents.builders import docx_of, pdf_of

PDF, DOCX = pdf_of(["text", "more"]), docx_of("text", [["a", "b"]])
QUICK = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}


def _is_kept(data: bytes) -> bool:
    try:
        document = document_of("a", data)
    except DataError as error:
        assert str(error).startswith("a: ") and len(str(error).splitlines()) == 1
        return False
    document.text.encode("utf-8")
    return True


@settings(max_examples=200, **QUICK)
@given(st.binary(max_size=300))
@example(b"\xff\xfe\x00\xd8\x00\x00")
@example(b"\x1b$B")
def test_any_bytes(data: bytes) -> None:
    """Without a format."""
    _is_kept(data)


@settings(max_examples=100, **QUICK)
@given(st.text(max_size=200), st.sampled_from(["utf-8-sig", "utf-16", "utf-32"]))
def test_any_text_with_a_mark_comes_back(text: str, encoding: str) -> None:
    """But for its line ends, and unless it is blank."""
    data = text.encode(encoding, "replace")

    if _is_kept(data):
        same = data.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
        assert same == document_of("a", data).text


@settings(max_examples=6, **QUICK)
@given(st.sampled_from([PDF, DOCX]), st.integers(0, 10**6), st.binary(min_size=1, max_size=8))
def test_any_damage(whole: bytes, place: int, damage: bytes) -> None:
    """Of files that were a PDF or a DOCX."""
    place %= len(whole)

    _is_kept(whole[:place] + damage + whole[place + len(damage) :])
