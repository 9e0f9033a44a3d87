"""Texts that would act in a page if anything took them for more than text, and runs that are made of them.

Whatever runs sets `window.__pwned`; every element that a text names carries the attribute `pwned`.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from evalkit.reports.page import PageRun
from evalkit.runs import LedgerRecord, Manifest, SampleRecord
from evalkit.scores import LookedAt, TaskAnswers, measure_benchmark
from evalkit.tasks import Answer, BenchmarkSpec, Message, Request, Sample, Scorer, single

__all__ = ["BREAKER", "MARK", "NAMES", "PAYLOADS", "TASKS", "hostile_runs", "visible_parts"]

RUN = "window.__pwned=1"
HIDDEN = base64.b64encode(f"<!-- --><script pwned>{RUN}</script>".encode()).decode()
PAYLOADS = (
    # script
    f"<script pwned>{RUN}</script>",
    f"</script><script pwned>{RUN}</script>",
    f"</ScRiPt ><sCrIpT pwned>{RUN}</sCrIpT>",
    f"<script pwned src='data:text/javascript,{RUN}'></script>",
    f"<<script pwned>{RUN}//<</script>",
    f"<script pwned type=module>import('data:text/javascript,{RUN}')</script>",
    f"</style><script pwned>{RUN}</script>",
    f"</title></textarea></noscript><script pwned>{RUN}</script>",
    f"</template></select></table><script pwned>{RUN}</script>",
    f"<noscript><p title='</noscript><img pwned src=x onerror={RUN}>'>",
    # event handlers
    f"<img pwned src=x onerror={RUN}>",
    f"<img pwned src=x onerror='{RUN}'//",
    f"<body pwned onload={RUN}>",
    f"<input pwned autofocus onfocus={RUN}>",
    f"<details pwned open ontoggle={RUN}>",
    f"<video pwned><source onerror={RUN}></video>",
    f"<div pwned onpointerover={RUN} style='position:fixed;inset:0'>over all</div>",
    f"<marquee pwned onstart={RUN}>x</marquee>",
    f"<select pwned autofocus onfocus={RUN}>",
    f"<style pwned>@keyframes x{{}}</style><b pwned style='animation:x 1s' onanimationstart={RUN}>x</b>",
    # SVG and MathML
    f"<svg pwned onload={RUN}>",
    f"<svg pwned><script pwned>{RUN}</script></svg>",
    f"<svg pwned><animate pwned onbegin={RUN} attributeName=x dur=1s>",
    f"<svg pwned><foreignObject><iframe pwned srcdoc='<script>parent.{RUN}</script>'></foreignObject></svg>",
    f"<svg pwned><a pwned xlink:href='javascript:{RUN}'><text>x</text></a></svg>",
    "<svg pwned><use pwned href='data:image/svg+xml,<svg id=x xmlns=http://www.w3.org/2000/svg/>#x'/></svg>",
    f"<math pwned><mtext><table><mglyph><style><img pwned src=x onerror={RUN}>",
    f"<math pwned href='javascript:{RUN}'>x</math>",
    # links, frames, forms
    f"javascript:{RUN}",
    f"<a pwned href='javascript:{RUN}'>x</a>",
    f"<a pwned href='  java\tscript:{RUN}'>x</a>",
    f"<iframe pwned src='javascript:parent.{RUN}'></iframe>",
    f"<iframe pwned srcdoc='<script>parent.{RUN}</script>'></iframe>",
    f"<object pwned data='data:text/html,<script>parent.{RUN}</script>'></object>",
    "<embed pwned src='file:///etc/passwd'>",
    f"<form pwned action='javascript:{RUN}'><button pwned autofocus>x</button></form>",
    "<base pwned href='https://example.org/'>",
    f"<meta pwned http-equiv=refresh content='0;url=javascript:{RUN}'>",
    "<link pwned rel=stylesheet href='https://example.org/x.css'>",
    "<img pwned src='https://example.org/x.png'>",
    "![x](https://example.org/x.png) [x](javascript:window.__pwned=1)",
    # CSS
    "</style><style pwned>* { display: none }</style>",
    "<p pwned style='background:url(https://example.org/x)'>x</p>",
    "}</style> body { background: url(https://example.org/x) } @import 'https://example.org/x.css';",
    # attributes
    f'" onmouseover="{RUN}" x="',
    f"' autofocus onfocus='{RUN}' x='",
    f"x onfocus={RUN} autofocus ",
    f'"><img pwned src=x onerror={RUN}>',
    f"'><svg pwned onload={RUN}>",
    f"`-{RUN}-`",
    # templates
    "{{7*7}} {{constructor.constructor('window.__pwned=1')()}}",
    "{% for x in ().__class__.__base__.__subclasses__() %}{{x}}{% endfor %}",
    "${window.__pwned=1} #{7*7} <%= 7*7 %> {{{x}}} [[${7*7}]]",
    "{name} {task} {count} {0} %s %(x)s {{ config }}",
    # comments, entities, ends of blocks
    f"<!-- <script pwned>{RUN}</script> -->",
    f"--><script pwned>{RUN}</script><!--",
    f"<!--><script pwned>{RUN}</script>",
    f"]]><script pwned>{RUN}</script><![CDATA[",
    f"&lt;script pwned&gt;{RUN}&lt;/script&gt; &#60;img pwned src=x onerror={RUN}&#62; &amp;lt;",
    f"<?xml version='1.0'?><?pwned {RUN}?><!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]>&y;",
    HIDDEN,
    # JSON and JavaScript
    '"},"labels":{},"x":{"',
    f'\\"}};{RUN};//',
    f"');{RUN};//",
    f"\u2028{RUN}\u2029{RUN}",
    f"\\u003cscript pwned\\u003e{RUN}\\u003c/script\\u003e \\x3cimg pwned\\x3e",
    '{"__proto__": {"polluted": true}, "constructor": {"prototype": {"polluted": true}}}',
    # signs that hide or turn
    f"\u202e\u2066>{RUN}=rorrEno x=crs denwp gmi<\u2069\u202c end",
    "zero\u200bwidth\u200djoiner\ufeffmark\u00ad soft\u2060word",
    f"nul\x00<scr\x00ipt pwned>{RUN}</scr\x00ipt>",
    "controls \x01\x07\x08\x0b\x0c\x1b[31m\x1b]0;title\x07\x7f\x9b31m end",
    "lone \ud800 high and \udfff low",
    "tags \U000e0001\U000e0041\U000e007f end, noncharacter \ufffe\uffff",
    "z\u0351\u0302\u0303\u0304\u0305" * 200 + " zalgo",
    "\u0600\u0601 \u1160\u3164\uffa0 fillers \ufdfd\U0001242b",
    f"+ADw-script pwned+AD4-{RUN}+ADw-/script+AD4-",
    # sizes
    "line " + "x" * 1_000_000 + f"<img pwned src=x onerror={RUN}>",
    "deep " + "<b pwned>" * 4000,
    "\n" * 3000 + "after many lines",
)
"""Predictions, gold answers, needles, errors, notes, thoughts, ends of prompts."""
NAMES = (
    "__proto__", "constructor", "hasOwnProperty", "toString", f"<img pwned src=x onerror={RUN}>",
    f"\"'><svg pwned onload={RUN}>", "a?b=c&d#e%41%", "{{7*7}}${7*7}", "a\u202eb\u2028c\x00d",
    f"</title><script pwned>{RUN}</script>",
)  # fmt: skip
"""Of tasks, groups, models, metrics, protocols, languages, settings."""
MARK, BREAKER = NAMES[4], NAMES[5]
TASKS = tuple(name.replace("/", "∕") for name in NAMES)
"""Names of tasks, in which no slash can be."""

_VISIBLE = re.compile(
    r"[\x00-\x20\x7f-\xa0\xad\u0300-\u036f\u115f\u1160\u180e\u200b-\u200f\u2028-\u202f\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\uffff\u0600-\u061c]|[\U000e0000-\U000e007f]"
)


def visible_parts(text: str, most: int = 60) -> list[str]:
    """Pieces of a text between its blanks and hidden signs, as they must stand in a page; of a long one the first."""
    return [part for part in _VISIBLE.split(text[:most]) if len(part) > 2]


class HostileBenchmark:
    """A benchmark whose every name acts."""

    def __init__(self) -> None:
        rules = {"meaning": MARK, "source": BREAKER, "scoring": "x", "prompts": "x"}
        groups = {f"group {name}": {"title": f"{name} group"} for name in NAMES[:3]}
        self.spec = BenchmarkSpec.model_validate({
            "name": "hostile", "title": NAMES[-1], "kind": "hostile", "about": MARK, "source": "",
            "default_protocol": MARK, "protocols": {MARK: rules}, "overall": BREAKER, "groups": groups,
            "tasks": {
                name: {"group": list(groups)[index % 3], "title": name, "expected": {MARK: 9}}
                for index, name in enumerate(TASKS)
            },
        })  # fmt: skip

    def files(self, task: str) -> Sequence[str]:  # noqa: ARG002
        """None."""
        return ()

    def samples(self, task: str, protocol: str, files: Mapping[str, Path]) -> Iterator[Sample]:  # noqa: ARG002
        """None: answers are given."""
        return iter(())

    def request(self, sample: Sample, protocol: str, previous: Sequence[str]) -> Request | None:  # noqa: ARG002
        """Nothing is asked."""
        return Request(sample, 0, (Message("user", ""),), "", 1)

    def scorer(self, task: str, protocol: str, answers: Sequence[Answer]) -> Scorer:  # noqa: ARG002
        """Right where answer and gold answer are one."""
        return single(MARK, lambda prediction, targets: 100.0 * (prediction == targets[0]))


def hostile_runs() -> list[PageRun]:
    """Two runs on the same samples, whose names, texts and notes are hostile."""
    return [_run(side) for side in range(2)]


def _run(side: int) -> PageRun:
    benchmark, model = HostileBenchmark(), (MARK, BREAKER)[side]
    tasks: dict[str, list[Answer]] = {}
    for number, payload in enumerate(PAYLOADS):
        task = TASKS[number % len(TASKS)]
        prediction = payload if (number + side) % 2 else PAYLOADS[(number + side) % len(PAYLOADS)]
        metadata = {
            "length": 1000 * (1 + number % 4), "depth": 25 * (number % 5), "language": (MARK, BREAKER)[number % 2],
            "keyword": payload, "needles": number % 3,
        }  # fmt: skip
        name = f"hostile/{task}/{number if number % 4 else payload[:80] + str(number)}"
        tasks.setdefault(task, []).append(Answer(name, f"document {number}", prediction, (payload,), metadata))
    measured = measure_benchmark(
        benchmark, MARK, {task: TaskAnswers(answers) for task, answers in tasks.items()}, model=model,
        label=BREAKER, notes=list(PAYLOADS[:3]),
    )  # fmt: skip
    scores = measured.scores.model_copy(update={"model_title": model})
    samples = [_looked(task, answer, place) for task in tasks for place, answer in enumerate(tasks[task])]
    identity = {"model": model, "protocol": MARK, "benchmark": "hostile", "rope": MARK, "data": {MARK: BREAKER}}
    settings = {"benchmark": "hostile", "label": BREAKER, "title": model, "backend": MARK, "truncation": MARK}
    manifest = Manifest(identity=identity, settings=settings, environment={MARK: BREAKER, "evalkit": MARK})
    measured = replace(measured, scores=scores)
    read = PageRun(f"{model} {side}", Path("runs") / model, scores, measured.spec, measured, manifest, samples)
    records = [record for each in samples for record in each.records]
    thoughts = {record.key: PAYLOADS[index][:400] for index, record in enumerate(records)}
    return replace(read, notes=PAYLOADS[3:6], thoughts=thoughts)


def _looked(task: str, answer: Answer, place: int) -> LookedAt:
    payload, is_failed = answer.targets[0], place % 7 == 6
    record = SampleRecord(
        id=answer.id, step=0, attempt=1, prompt_sha256="", ledger=_ledger(), output_tokens=3,
        text=None if is_failed else answer.prediction, finish_reason="error" if is_failed else "stop", seconds=0.1,
        cached_tokens=None,
        error=payload[:2000] if is_failed else None, rope=MARK, preview=payload[:300], preview_end=payload[-300:],
    )  # fmt: skip
    sample = Sample(answer.id, task, answer.document, {}, answer.targets, answer.metadata, (payload,))
    right = 100.0 * (answer.prediction == payload)
    return LookedAt(
        sample, (record,), (), ((BREAKER, 50.0), ("__proto__", 1.0)), seen=answer.prediction[::-1],
        metrics=((MARK, right),), refusal=payload if place % 5 == 4 else None, flags=frozenset({"cut", "lost"}),
    )  # fmt: skip


def _ledger() -> LedgerRecord:
    return LedgerRecord(
        mode="middle", before=900, after=600, head=300, tail=300, kept=[(0, 300), (600, 900)], evidence_kept=False,
        evidence_tokens=[400], evidence_depths=[44.0],
    )  # fmt: skip
