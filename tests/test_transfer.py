"""Bodies decoded piece by piece, and deadlines that hold wherever a transfer is."""

from __future__ import annotations

import asyncio
import gzip
import logging
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.transfer import Background, Inflater, TooLargeError, TransferError, quiet_hub_client

TEXT = b"the same text again and again " * 1000
BODIES = {
    "identity": TEXT,
    "": TEXT,
    "gzip": gzip.compress(TEXT),
    "x-gzip": gzip.compress(TEXT),
    "deflate": zlib.compress(TEXT),
}


@pytest.mark.parametrize("encoding", BODIES)
@given(size=st.integers(min_value=1, max_value=5000))
def test_a_body_is_decoded_however_it_is_cut(encoding: str, size: int) -> None:
    """Pieces of any size make the same text."""
    body, inflater, found = BODIES[encoding], Inflater(encoding), b""

    for start in range(0, len(body), size):
        found += inflater.feed(body[start : start + size], len(TEXT) - len(found))
    inflater.end()

    assert TEXT == found


def test_deflate_without_a_header_is_read() -> None:
    """As some servers send it."""
    raw = zlib.compressobj(wbits=-zlib.MAX_WBITS)

    assert TEXT == Inflater("deflate").feed(raw.compress(TEXT) + raw.flush(), len(TEXT))


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_no_more_is_decoded_than_may_be_kept(encoding: str) -> None:
    """A bomb of some kilobytes is refused before it goes off."""
    body = gzip.compress(b"x" * 2**26) if encoding == "gzip" else b"x" * 101

    with pytest.raises(TooLargeError):
        Inflater(encoding).feed(body, 100)


@pytest.mark.parametrize(("encoding", "body"), [("gzip", b"no gzip"), ("gzip", BODIES["gzip"][:-9]), ("br", b"")])
def test_a_damaged_body_is_no_text(encoding: str, body: bytes) -> None:
    """Cut off, of another kind, or of one that nobody asked for."""
    with pytest.raises(TransferError):
        inflater = Inflater(encoding)
        inflater.feed(body, len(TEXT))
        inflater.end()


def test_work_in_the_background_returns_and_raises() -> None:
    """Also where the caller itself runs in an event loop, as a notebook does."""

    async def caller() -> str:
        with Background() as background:
            with pytest.raises(TimeoutError):
                background.run(asyncio.wait_for(asyncio.sleep(60), 0.01))
            return background.run(asyncio.sleep(0, "done"))

    assert "done" == asyncio.run(caller())


def test_what_is_under_way_comes_to_its_end() -> None:
    """Closing lets work that was left alone clean up."""
    seen: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            seen.append("cleaned up")

    async def start() -> None:
        started.append(asyncio.ensure_future(work()))
        await asyncio.sleep(0)

    started: list[asyncio.Future[None]] = []
    with Background() as background:
        background.run(start())

    assert ["cleaned up"] == seen


def test_the_hub_client_is_quiet_within_calls_only(capsys: pytest.CaptureFixture[str]) -> None:
    """Its handlers speak again when the last call is over, whichever ends first."""
    logger, handler = logging.getLogger("huggingface_hub"), logging.StreamHandler()
    logger.addHandler(handler)
    first, second = quiet_hub_client(), quiet_hub_client()
    try:
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        logging.getLogger("huggingface_hub.utils").warning("within")
        second.__exit__(None, None, None)
        logging.getLogger("huggingface_hub.utils").warning("behind")
    finally:
        logger.removeHandler(handler)

    said = capsys.readouterr().err
    assert (False, True) == ("within" in said, "behind" in said)
