"""Perplexity of texts against length under several RoPE conditions: what `evalkit rope curve` does.

Documents are read one after the other, each is cut into windows, and every window is measured by the passes that the
specs need; what is finished stands in the folder's log, and the same call goes on behind it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from evalkit.cards import read_adapter, weights_digest
from evalkit.errors import RunConflictError, SampleError, UserError
from evalkit.models import MeasuresLosses, check_attention, check_device_map, is_address, load_model
from evalkit.perplexity import (
    MIN_DOCUMENTS,
    Cell,
    Curve,
    CurveFolder,
    Document,
    Mode,
    Pass,
    Progress,
    SpecCurve,
    Sums,
    Texts,
    Walk,
    Window,
    WindowRecord,
    WindowRule,
    cells_of,
    curves_of,
    find_texts,
    plan_passes,
    sums_of,
)
from evalkit.printable import counted
from evalkit.prompts import TokenIds
from evalkit.rope import RopeSetting, RopeSpec, check_named_once, parse_rope
from evalkit.runs import (
    Monitor,
    Session,
    default_folder,
    of_specs,
    open_model,
    rope_facts,
    spec_words,
    tell,
)
from evalkit.settings import RunSettings
from evalkit.versions import environment

__all__ = ["CurveRequest", "OpenCurve", "measure_curve", "open_curve"]

REFUSED = {
    "endpoint": "no server tells how likely each token of a given text is under a rotation of the caller's choice; "
    "name a model folder, or a model on the hub",
    "vllm": "perplexity is measured by the hf backend; leave --backend out",
}
"""Backends that cannot measure, and why."""


@dataclass(frozen=True)
class CurveRequest:
    """What to measure."""

    settings: RunSettings
    """The model and how it is loaded; `out` is the curve's folder."""
    text: Path
    """A file, or a folder of files."""
    specs: tuple[RopeSpec, ...]
    """RoPE conditions; the first is what the others are held against."""
    lengths: tuple[int, ...]
    """Tokens of a window, rising."""
    windows: Mode = "prefix"
    """How documents are cut."""
    stride: int | None = None
    """Tokens between sliding windows; None = half of each length."""
    limit: int | None = None
    """Only so many documents; None = all."""


@dataclass(frozen=True)
class OpenCurve:
    """A request, checked and complete; no weights are loaded yet."""

    request: CurveRequest
    """What was asked for."""
    session: Session
    """The model."""
    texts: Texts
    """The files of the text."""
    rule: WindowRule
    """How documents are cut."""
    folder: Path
    """Where results go."""

    def setting_of(self, spec: RopeSpec, length: int) -> RopeSetting:
        """What is in force for windows of that length: no answer follows them, so n is the length itself."""
        return replace(self.session, rope=spec).rope_of()(length)

    @property
    def follows_length(self) -> bool:
        """Whether the model as released turns by the length of the text, or may: then `native` is a pass a length."""
        kind = (self.session.card.rope.scaling or "none").partition(":")[0]
        return kind not in {"none", "linear", "ntk", "yarn", "llama3"}

    @property
    def identity(self) -> dict[str, Any]:
        """All that can change a number, but the weights, whose digest takes time, and specs, which each line says."""
        settings, card, rule = self.request.settings, self.session.card, self.rule
        return {
            "model": card.name,
            "tokenizer": self.session.tokenizer.digest,
            "beginning": list(rule.beginning),
            "text": self.texts.listing_sha256,
            "lengths": list(self.request.lengths),
            "windows": rule.mode,
            "stride": rule.stride,
            "dtype": card.dtype,
            "quantization": card.engine.quantization,
            "attention": settings.attention,
            "adapter": None if settings.adapter is None else read_adapter(settings.adapter).digest,
            "trust_remote_code": settings.trust_remote_code,
            **rope_facts(card, parse_rope("none")),
        }


def open_curve(request: CurveRequest, monitor: Monitor | None = None) -> OpenCurve:
    """Find and check everything. Raises a `UserError` for the first thing that is wrong."""
    _check_request(request)
    texts = find_texts(request.text)
    tell(monitor, f"reading {request.settings.model}")
    session = open_model(request.settings, refusals=REFUSED)
    under = [replace(session, rope=spec) for spec in request.specs]
    with spec_words():
        for each in under:
            each.check_rope()
    of_scaling = (of_specs(each.scaling_note) for each in under if each.scaling_note is not None)
    session = replace(session, notes=(*session.notes, *of_scaling))
    beginning = tuple(session.tokenizer.start([], is_wrapped=False))
    rule = WindowRule(request.windows, request.lengths, beginning, request.stride)
    rule.check()
    folder = request.settings.out or _default_folder(request, session)
    if folder.resolve().is_relative_to(texts.place.resolve()):
        raise UserError(f"{folder}: lies in the text that is measured; give --out a folder elsewhere")
    opened = OpenCurve(request, session, texts, rule, folder)
    for spec in request.specs:
        opened.setting_of(spec, rule.longest)  # what a spec cannot be is said before the weights are read
    tell(monitor, "")
    return opened


def _check_request(request: CurveRequest) -> None:
    if is_address(request.settings.model):  # before anybody asks there
        raise UserError(f"{request.settings.model}: {REFUSED['endpoint']}")
    request.settings.check_together()
    if not request.specs:
        raise UserError("no RoPE condition named: give --spec, or --base")
    check_named_once(request.specs)
    if request.limit is not None and request.limit < 1:
        raise UserError(f"--limit {request.limit}: must be 1 or more")
    if low := next((spec for spec in request.specs if spec.kind == "base" and (spec.number or 0) <= 1), None):
        raise UserError(f"{low}: a base must be above 1: by 1 every pair of dimensions turns alike")
    check_attention("hf", request.settings.attention)
    check_device_map(request.settings.device_map)


def _default_folder(request: CurveRequest, session: Session) -> Path:
    """Named after what makes two curves of a model differ."""
    parts = [session.card.name, "curve", request.text.resolve().stem, ",".join(map(str, request.lengths))]
    parts += ["sliding"] if request.windows == "sliding" else []
    parts += [f"stride-{request.stride}"] if request.stride is not None else []
    parts += [f"dtype-{request.settings.dtype}"] if request.settings.dtype is not None else []
    return default_folder(parts)


def measure_curve(
    opened: OpenCurve, monitor: Monitor, open_adapter: Callable[[], MeasuresLosses] | None = None
) -> Curve:
    """Measure what is not measured yet, and the curve. The same call again continues.

    Raises `RunConflictError` where the folder holds another curve, or the text changed meanwhile.
    """
    for note in opened.session.notes:
        monitor.note(note)
    with CurveFolder(opened.folder) as folder, ExitStack() as stack:
        tell(monitor, "reading the weights")
        settings, card = opened.request.settings, opened.session.card
        weights = weights_digest(card, trust_remote_code=settings.trust_remote_code)
        for warning in folder.open_as({**opened.identity, "weights": weights}, environment()):
            monitor.note(warning)
        work = _Work(opened, folder, monitor, open_adapter or (lambda: _load(opened, monitor)))
        stack.callback(work.close)
        rule, found = opened.rule, work.measure(opened.rule)
        if not found.documents and (lengths := found.reached(rule)):
            rule = replace(rule, lengths=lengths)
            found = work.measure(rule)
        if not found.documents:
            raise UserError(_nothing(opened, found))
    return _curve(opened, rule, found, folder.progress)


def _load(opened: OpenCurve, monitor: Monitor) -> MeasuresLosses:
    turned = next((spec for spec in opened.request.specs if spec.kind != "native"), opened.request.specs[0])
    session = replace(opened.session, rope=turned)
    options = session.backend_options(longest_sequence=opened.rule.longest, note=monitor.note)
    tell(monitor, "loading the model")
    model = load_model("hf", session.card, session.tokenizer, replace(options, batch=1, is_reusing_prefixes=False))
    assert isinstance(model, MeasuresLosses)
    return model


@dataclass
class _Found:
    """What a walk through the text met."""

    documents: list[str] = field(default_factory=list)
    """Names of those that fill the longest window."""
    too_short: int = 0
    """Documents that do not."""
    longest: int = 0
    """Tokens of the longest document, in a window of its own."""
    windows: dict[int, int] = field(default_factory=dict)
    """Length of windows → how many there are."""
    digest: Any = field(default_factory=hashlib.sha256)
    """Of all tokens in windows."""

    def reached(self, rule: WindowRule) -> tuple[int, ...]:
        """The lengths that a document has."""
        return tuple(length for length in rule.lengths if length <= self.longest)


class _Work:
    """Measures a text by one rule, window by window."""

    def __init__(
        self, opened: OpenCurve, folder: CurveFolder, monitor: Monitor, open_adapter: Callable[[], MeasuresLosses]
    ) -> None:
        self._opened = opened
        self._folder = folder
        self._monitor = monitor
        self._open_adapter = open_adapter
        self._adapter: MeasuresLosses | None = None
        self._bytes = opened.texts.bytes(opened.request.limit)
        self._passes: list[Pass] = []
        self._read = 0

    def close(self) -> None:
        """Drop the model."""
        if (close := getattr(self._adapter, "close", None)) is not None:
            close()

    def measure(self, rule: WindowRule) -> _Found:
        """Every document that fills the longest window."""
        specs, self._read, found = self._opened.request.specs, 0, _Found()
        self._passes = plan_passes(specs, rule, self._opened.setting_of, follows_length=self._opened.follows_length)
        for document in self._opened.texts.documents(self._opened.request.limit):
            self._measure(document, rule, found)
        tell(self._monitor, "")
        return found

    def _measure(self, document: Document, rule: WindowRule, found: _Found) -> None:
        fed = _Fed(self._read)
        walk = Walk(fed.ids(document.tokens(self._opened.session.tokenizer)), rule)
        digests = {cut.length: hashlib.sha256() for cut in rule.cuts}
        counts = dict.fromkeys(digests, 0)
        for window in walk:
            digest = digests[window.length]
            digest.update(window.ids.astype("<i4").tobytes())
            self._show(fed.done(window.end))
            for each in self._passes:
                if each.window == window.length:
                    self._measure_window(document.name, window, each, digest.hexdigest())
            counts[window.length] += 1
        self._read = fed.done(walk.tokens)
        self._show(self._read)
        found.longest = max(found.longest, walk.tokens + len(rule.beginning))
        if not any(counts.values()):
            found.too_short += 1
            return
        self._check_end(document.name, counts)
        found.documents.append(document.name)
        for length, digest in digests.items():
            found.windows[length] = found.windows.get(length, 0) + counts[length]
            found.digest.update(digest.digest())

    def _measure_window(self, document: str, window: Window, each: Pass, digest: str) -> None:
        """What the window lacks of the pass, in one pass over as much of it as that takes."""
        known = self._folder.progress.get(document, {})
        todo = []
        for cell in each.cells():
            progress = known.get(cell, Progress())
            if progress.windows == window.number + 1 and progress.digest != digest:
                raise self._changed(document)
            if progress.windows <= window.number:
                todo.append(cell.length)
        if not todo:
            return
        losses = sums_of(window, todo, self._losses(document, window, each.rope, window.ids[: max(todo)]))
        self._folder.append(
            WindowRecord(
                document=document,
                window=window.number,
                window_length=window.length,
                text_sha256=digest,
                rope=each.rope.key,
                lengths=tuple(todo),
                nats=tuple(losses[length].nats for length in todo),
                tokens=tuple(losses[length].tokens for length in todo),
            )
        )

    def _losses(self, document: str, window: Window, rope: RopeSetting, ids: TokenIds) -> Any:
        if self._adapter is None:
            self._adapter = self._open_adapter()
        try:
            return self._adapter.token_losses(rope, ids)
        except SampleError as error:
            raise UserError(
                f"{document}, window {window.number + 1} of {len(ids):,} tokens under {rope.key}: {error}; finished "
                "windows are kept, and the same command goes on there"
            ) from error

    def _check_end(self, document: str, counts: Mapping[int, int]) -> None:
        """Raise where more windows are recorded than the document has."""
        for cell, progress in self._folder.progress[document].items():
            if progress.windows > counts.get(cell.window, progress.windows):
                raise self._changed(document)

    def _changed(self, document: str) -> RunConflictError:
        return RunConflictError(
            f"{self._folder.folder}: {document} was measured with another text than it has now; give this curve its "
            "own --out"
        )

    def _show(self, done: int) -> None:
        tell(self._monitor, "measuring, bytes of text", done, self._bytes)


class _Fed:
    """How many bytes of a document its tokens took."""

    def __init__(self, before: int) -> None:
        self._before = before
        self._bytes = self._tokens = 0

    def ids(self, pieces: Iterator[Any]) -> Iterator[TokenIds]:
        """The tokens of each piece, counted as they are taken."""
        for piece in pieces:
            self._bytes += piece.bytes
            self._tokens += len(piece.ids)
            yield piece.ids

    def done(self, tokens: int) -> int:
        """Bytes of the text up to that token of the document, about."""
        return self._before + round(self._bytes * tokens / max(1, self._tokens))


def _curve(
    opened: OpenCurve, rule: WindowRule, found: _Found, progress: Mapping[str, Mapping[Cell, Progress]]
) -> Curve:
    cells = {str(spec): cells_of(spec, rule, opened.setting_of) for spec in opened.request.specs}
    sums: dict[Cell, Sequence[Sums]] = {
        cell: [progress[document][cell].sums for document in found.documents]
        for settings in cells.values()
        for cell in settings
    }
    card, curves = opened.session.card, curves_of(cells, sums)
    return Curve(
        model=card.title,
        original_length=card.original_length,
        base=card.rope.theta,
        text=str(opened.request.text),
        text_sha256=found.digest.hexdigest(),
        windows=rule.mode,
        strides={length: rule.stride_of(length) for length in rule.lengths} if rule.mode == "sliding" else {},
        lengths=rule.lengths,
        unmeasured=tuple(length for length in opened.request.lengths if length not in rule.lengths),
        beginning=len(rule.beginning),
        documents=len(found.documents),
        too_short=found.too_short,
        counted_windows={
            length: found.windows[rule.longest if rule.mode == "prefix" else length] for length in rule.lengths
        },
        specs=curves,
        notes=(*_notes(opened, rule, found), *_doubt(opened, curves)),
    )


def _notes(opened: OpenCurve, rule: WindowRule, found: _Found) -> Iterator[str]:
    for length in opened.request.lengths:
        if length not in rule.lengths:
            yield f"length {length:,} is not measured: the longest document has {found.longest:,} tokens"
    if found.too_short:
        verb = "is" if found.too_short == 1 else "are"
        yield (
            f"{counted(found.too_short, 'document')} of {found.too_short + len(found.documents):,} {verb} shorter than "
            f"{rule.longest:,} tokens and left out, so that every length has the same texts"
        )
    if len(found.documents) < MIN_DOCUMENTS:
        yield (
            f"no intervals: {counted(len(found.documents), 'document')}, and windows of one document are not "
            f"independent; {MIN_DOCUMENTS} documents or more have intervals"
        )


def _doubt(opened: OpenCurve, curves: Sequence[SpecCurve]) -> Iterator[str]:
    """What to say where the model is worse than one that knows nothing."""
    tokens, best = len(opened.session.tokenizer), min(curves[0].points, key=lambda point: point.loss)
    if best.loss > math.log(tokens):
        yield (
            f"a guess that takes every token for equally likely has perplexity {tokens:,}, and {curves[0].spec} has "
            f"{best.perplexity:,.0f} at best: this model was not made to go on with such texts"
        )


def _nothing(opened: OpenCurve, found: _Found) -> str:
    place, shortest = opened.request.text, opened.request.lengths[0]
    if not found.longest - len(opened.rule.beginning):
        return f"--text {place}: no text in it; name a file with a text, or a folder of such"
    return (
        f"--text {place}: no length can be measured: the longest document has {found.longest:,} tokens, and the "
        f"shortest of --lengths is {shortest:,}; give longer texts, or shorter lengths"
    )
