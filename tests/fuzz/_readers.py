"""Every reader of evalkit that takes what others made, each a small adapter in one list."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import itertools
import json
import os
import random
import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

from tests.fuzz import _seeds as seeds
from tests.fuzz._contract import Reader
from tests.fuzz._mutation import altered, damaged, damaged_text, json_bytes, random_value
from tests.models.conversion import checkpoints

__all__ = ["READERS"]

Make = Callable[[random.Random], bytes]


def _files(*valid: bytes) -> Make:
    """Cases that are damaged bytes of one of these."""
    return lambda rng: damaged(rng.choice(valid), rng, valid)


def _trees(*valid: Any, write: Callable[[Any], bytes] = json_bytes, bytes_share: float = 0.3) -> Make:
    """Cases that are JSON of trees with changed values; a share of them has its bytes damaged as well."""

    def make(rng: random.Random) -> bytes:
        raw = write(altered(rng.choice(valid), rng))
        return damaged(raw, rng) if rng.random() < bytes_share else raw

    return make


def _as_lines(tree: Any) -> bytes:
    return b"".join(json_bytes(each) + b"\n" for each in (tree if isinstance(tree, list) else [tree]))


def _loaded(case: bytes) -> Any:
    """The value that a case of `_trees` without damage stands for."""
    return json.loads(case)


def _written(folder: Path, name: str, case: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(case)
    return path


@contextlib.contextmanager
def _environment(**values: str) -> Iterator[None]:
    with mock.patch.dict(os.environ, values):
        yield


# Records of data files


def _jsonl(case: bytes, folder: Path) -> None:
    from evalkit.data import read_records, require, require_strings

    for record in read_records(_written(folder, "some.jsonl", case), refuses_doubled_fields=len(case) % 2 == 0):
        require(record, "input", str)
        require(record, "score", float)
        require(record, "length", int)
        require_strings(record, "outputs")


def _json_array(case: bytes, folder: Path) -> None:
    from evalkit.data import _reading, read_array

    with mock.patch.object(_reading, "CHUNK", 64):
        list(read_array(_written(folder, "some.json", case)))


def _lines_of(records: Sequence[Any]) -> Make:
    plain, trees = _files(_as_lines(list(records))), _trees(list(records), write=_as_lines)
    return lambda rng: plain(rng) if rng.random() < 0.5 else trees(rng)


# Outputs made elsewhere


def _outputs(output_format: str, name: str) -> Callable[[bytes, Path], None]:
    def read(case: bytes, folder: Path) -> None:
        from evalkit import score_predictions

        with _environment(EVALKIT_DATA="", EVALKIT_CACHE=str(folder / "cache")):
            _written(folder, f"m/{name}", case)
            score_predictions(folder / "m", output_format).to_json()

    return read


def _opencompass_case(rng: random.Random) -> bytes:
    """Name of a file and its content, a NUL between them."""
    name = rng.choice(sorted(seeds.OPENCOMPASS))
    tree = seeds.OPENCOMPASS[name]
    return name.encode() + b"\0" + _trees(tree)(rng)


def _opencompass(case: bytes, folder: Path) -> None:
    name, _, content = case.partition(b"\0")
    _outputs("opencompass", name.decode())(content, folder)


# Cards, settings, model folders


def _card(case: bytes, folder: Path) -> None:
    from evalkit.cards import check_card, load_card

    card = load_card(_written(folder, "card.yaml", case))
    str(card.weights_path)
    check_card(card)


def _config_file(case: bytes, folder: Path) -> None:
    from evalkit.settings import RunSettings, read_config, write_config

    values = read_config(_written(folder, "run.yaml", case))
    RunSettings(**{"model": "", "benchmarks": (), **values}).check_values()
    write_config(values)


def _model_folder_case(rng: random.Random) -> bytes:
    """Name of the damaged file and its content."""
    name, make = rng.choice(_MODEL_FILES)
    return name.encode() + b"\0" + make(rng)


_MODEL_FILES: tuple[tuple[str, Make], ...] = (
    ("config.json", _trees(*seeds.CONFIGS)),
    ("generation_config.json", _trees(seeds.GENERATION)),
    ("model.safetensors.index.json", _trees(seeds.INDEX)),
    ("pytorch_model.bin.index.json", _trees({"weight_map": {"a.weight": "model-1.bin"}})),
    ("tokenizer_config.json", _trees({"chat_template": "{{ x }}", "model_max_length": 512})),
)


def _model_folder(case: bytes, folder: Path) -> None:
    from evalkit.cards import check_card, load_card, loaded_files
    from evalkit.cards._weights import read_config
    from evalkit.models._generation import read_rules
    from evalkit.models._stopping import end_ids
    from evalkit.rope import parse_rope, rope_setting
    from evalkit.runs._rotary import rope_model

    name, _, content = case.partition(b"\0")
    valid = {"config.json": seeds.CONFIG, "generation_config.json": seeds.GENERATION, "tokenizer_config.json": {}}
    for other, value in valid.items():
        _written(folder, f"model/{other}", json_bytes(value))
    _written(folder, f"model/model-1.{'bin' if name.startswith(b'pytorch') else 'safetensors'}", b"")
    _written(folder, f"model/{name.decode()}", content)
    card = load_card(folder / "model")
    check_card(card)
    card.require_weights()
    loaded_files(folder / "model", with_code=True)
    if name == b"generation_config.json":
        given = read_config(folder / "model" / "generation_config.json")
        read_rules(_Given(given), "generation_config.json")
        end_ids(given.get("eos_token_id"), mock.Mock(eos_ids=(1,)))
    for spec in map(parse_rope, ("dynamic:8", "ntk:2", "yarn:4")):
        if (model := rope_model(card, spec)) is not None:
            rope_setting(spec, model, 10**6, 1.02)


class _Given:
    """An object with the attributes of a generation configuration."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.__dict__.update(values)


def _safetensors_case(rng: random.Random) -> bytes:
    header = {"__metadata__": {"format": "pt"}, "a.weight": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
    raw = _trees(header)(rng)
    size = len(raw) if rng.random() < 0.8 else rng.choice((0, 1, 2**31, 2**63, 2**64 - 1))
    return struct.pack("<Q", size) + raw + b"\0\0\0\0"


def _safetensors(case: bytes, folder: Path) -> None:
    from evalkit.models.huggingface._stored import stored_tensors

    _written(folder, "config.json", json_bytes(seeds.CONFIG))
    _written(folder, "model.safetensors", case)
    stored_tensors(folder)


def _pickled_weights(case: bytes, folder: Path) -> None:
    from evalkit.models.conversion._pickles import read_pickled

    for tensor in read_pickled(_written(folder, "pytorch_model.bin", case)).values():
        tensor.sum()  # reads every number


def _published_case(rng: random.Random) -> bytes:
    """Name of the architecture and its damaged configuration."""
    name, config = rng.choice(sorted(_PUBLISHED.items()))
    return name.encode() + b"\0" + _trees(config)(rng)


_PUBLISHED = {
    "ChatGLMModel": checkpoints.CHATGLM, "IndexForCausalLM": checkpoints.INDEX, "LlamaForCausalLM": checkpoints.LLAMA,
    "InternLMForCausalLM": checkpoints.INTERNLM, "XverseForCausalLM": checkpoints.XVERSE,
}  # fmt: skip


def _published_model(case: bytes, folder: Path) -> None:
    from evalkit.cards import load_card
    from evalkit.models import BackendOptions
    from evalkit.models.conversion import loadable

    name, _, content = case.partition(b"\0")
    config = _PUBLISHED[name.decode()]
    state = (checkpoints.chatglm_state if b"GLM" in name else checkpoints.llama_state)(config)
    checkpoints.write_checkpoint(folder / "model", config, state, shards=1)
    _written(folder, "model/config.json", content)
    with _environment(EVALKIT_CACHE=str(folder / "cache")):
        loadable(load_card(folder / "model"), BackendOptions(), "hf")


# Benchmarks, needles, options


def _benchmark_case(rng: random.Random) -> bytes:
    import yaml

    text = rng.choice(seeds.benchmark_texts())
    if rng.random() < 0.3:
        return damaged_text(text, rng, seeds.benchmark_texts()).encode()
    return json_bytes(altered(yaml.safe_load(text), rng))


def _benchmark(case: bytes, folder: Path) -> None:
    from evalkit.tasks import Answer, load_benchmark
    from evalkit.tasks._catalogue import read_definition

    path = _written(folder, "mine.yaml", case)
    sets = read_definition(path).get("sets")
    chosen = f"{path}#{next(iter(sets))}" if isinstance(sets, dict) and sets else str(path)
    benchmark = load_benchmark(chosen)
    spec = benchmark.spec
    for name in spec.tasks:
        spec.task_names(name)
        for protocol in spec.protocols:
            if spec.has_task(name, protocol):
                benchmark.scorer(
                    name, protocol, [Answer("a/b/0", "d", "x", ("x",), {"index": 0, "all_classes": ["x"]})]
                )
                if not benchmark.files(name):
                    for sample in itertools.islice(benchmark.samples(name, protocol, {}), 3):
                        benchmark.request(sample, protocol, ())
    for group in spec.groups:
        spec.members(group)


def _needles(case: bytes, folder: Path) -> None:
    from evalkit.tasks.needle._texts import check_absent, read_needles

    check_absent(read_needles(_written(folder, "needles.yaml", case)), ())


def _haystack_case(rng: random.Random) -> bytes:
    text = "The road was closed. The sailor went home.\n\n文章。".encode()
    name, valid = rng.choice(((b"a.txt", text), (b"a.jsonl", _as_lines([{"text": "one"}, {"text": "two"}]))))
    return name + b"\0" + damaged(valid, rng)


def _haystack(case: bytes, folder: Path) -> None:
    from evalkit.tasks.needle._texts import Order, document_haystack, read_documents

    name, _, content = case.partition(b"\0")
    documents = read_documents(_written(folder, name.decode(), content))
    document_haystack(documents, " ", Order(0, 1), is_endless=False)


_OPTION_VALUES = (
    "0", "1", "2", "-1", "256", "512,256", "0:100:10", "1:2:0", "0:1e9:1", "linear:1:2:3", "linear:1:100000:99999",
    "sigmoid:5", "sigmoid:99999999999", "nan", "inf", "1e9", "9" * 400, "9" * 5000, "1,1", ",", "", " ", "x", "en",
    "zh", "en,zh", "yes", "no", "start", "both", "~nobody/x", "/dev/null", "\0", "a\nb", "1000000", "100000000", "0.5",
    f"{'9' * 400}:{'9' * 400}:1", "0:99:0.0001", "1:9999:1", ",".join(map(str, range(2, 9000))), "cl100k_base",
)  # fmt: skip


_VALID_OPTIONS = {
    "lengths": "256,512", "depths": "0,50,100", "repeats": "2", "lang": "en,zh", "seed": "7", "needle-count": "3",
    "insertion": "token", "question-position": "both", "repeat-haystack": "yes", "haystack": "", "needles": "",
    "length-tokenizer": "", "unknown": "x",
}  # fmt: skip


def _options_case(rng: random.Random) -> bytes:
    names = rng.sample(sorted(_VALID_OPTIONS), rng.randint(1, 4))
    odd = {name: rng.choice(_OPTION_VALUES) for name in names if rng.random() < 0.3}
    return json_bytes({name: _VALID_OPTIONS[name] for name in names} | odd)


def _options(case: bytes, folder: Path) -> None:  # noqa: ARG001
    from evalkit.tasks import join_options, load_benchmark, option_identity, resolve_options

    benchmark = load_benchmark("needle", given := _loaded(case))
    options = resolve_options(benchmark.spec, given)
    option_identity(benchmark.spec, options)
    join_options(benchmark.spec, options, options)
    benchmark.expected("single", "keyword")
    benchmark.window("keyword", None)
    for sample in itertools.islice(benchmark.samples("single", "keyword", {}), 3):
        benchmark.request(sample, "keyword", ())


def _rope_case(rng: random.Random) -> bytes:
    kind = rng.choice(("native", "none", "linear", "ntk", "dynamic", "yarn", "base", "x", ""))
    number = rng.choice(
        ("8", "1", "0.5", "-1", "nan", "inf", "1e400", "1e308", "1e18", "1_0", "٣", "9" * 5000, "", " 8")
    )
    text = kind + rng.choice((":", ":", ":", "", "::")) + number
    return damaged_text(text, rng).encode() if rng.random() < 0.3 else text.encode()


def _rope(case: bytes, folder: Path) -> None:  # noqa: ARG001
    from evalkit.rope import RopeModel, parse_rope, rope_setting

    spec = parse_rope(case.decode("utf-8", "replace"))
    for tokens, grid in itertools.product((1, 4096, 2**25), (None, 1.0000001, 1.02, 100.0)):
        rope_setting(spec, RopeModel(1e18, 1, 4), tokens, grid).parameters()


def _settings_case(rng: random.Random) -> bytes:
    from evalkit.settings import RunSettings, settings_of

    names = [*settings_of(RunSettings), "unknown"]
    return json_bytes({rng.choice(names): random_value(rng) for _ in range(rng.randint(1, 4))})


def _settings(case: bytes, folder: Path) -> None:  # noqa: ARG001
    from evalkit.settings import RunSettings, read_settings

    given = _loaded(case)
    model, benchmarks = given.pop("model", "m"), given.pop("benchmarks", ("leval",))
    settings = read_settings(model, benchmarks, given)
    settings.check()
    read_settings(RunSettings("m", ("leval",), **given)).check()


# Servers


def _reply(rng: random.Random) -> dict[str, Any]:
    body = _trees(*seeds.REPLIES, bytes_share=0.2)(rng) if rng.random() < 0.7 else json_bytes(rng.choice(seeds.REPLIES))
    headers = {}
    if rng.random() < 0.2:
        times = ("0", "-5", "1e999", "nan", "9" * 400, "Mon, 01 Jan 2024 00:00:00 +99999999999999", "soon", "\x1b[2J")
        headers["Retry-After"] = rng.choice(times)
    if rng.random() < 0.1:
        headers[rng.choice(("Content-Encoding", "Location", "Content-Type"))] = rng.choice(
            ("gzip", "http://x/\x1b", "x")
        )
    status = rng.choice((200,) * 8 + (400, 401, 402, 404, 422, 429, 500, 503, 301, 204, 999))
    return {"status": status, "headers": headers, "body": body.decode("latin-1")}


def _endpoint_case(rng: random.Random) -> bytes:
    models = json_bytes(seeds.REPLIES[3]).decode()
    first = {"status": 200, "headers": {}, "body": models} if rng.random() < 0.6 else _reply(rng)
    probed = {"status": 200, "headers": {}, "body": json_bytes(seeds.REPLIES[1]).decode()}
    later = [probed] * rng.randint(0, 2) + [_reply(rng) for _ in range(rng.randint(1, 4))]
    return json_bytes([first, *later])


def _endpoint(case: bytes, folder: Path) -> None:  # noqa: ARG001
    import httpx

    from evalkit.cards import Endpoint
    from evalkit.models import BackendOptions, GenerationRequest
    from evalkit.models.endpoint import EndpointModel, _probe, endpoint_card, named_endpoint
    from evalkit.models.endpoint.transport import _client, _line
    from evalkit.prompts import load_tokenizer, token_array
    from evalkit.rope import RopeSetting

    replies = itertools.cycle(_loaded(case))

    def answer(_: httpx.Request) -> httpx.Response:
        reply = next(replies)
        headers = {name: value.encode("latin-1", "replace") for name, value in reply["headers"].items()}
        stream = httpx.ByteStream(reply["body"].encode("latin-1"))
        return httpx.Response(reply["status"], headers=headers, stream=stream)

    def arguments(_: Endpoint) -> dict[str, Any]:
        return {"transport": httpx.MockTransport(answer), "trust_env": False}

    with contextlib.ExitStack() as patches:
        patches.enter_context(_environment(EVALKIT_API_KEY=""))
        for module in (_client, _line):
            patches.enter_context(mock.patch.object(module, "client_arguments", arguments))
        for module in (_client, _probe):
            patches.enter_context(mock.patch.object(module, "BACKOFF_SECONDS", 1e-4))
            patches.enter_context(mock.patch.object(module, "PATIENCE_SECONDS", 0.01))
        card = endpoint_card(Endpoint(base_url="http://127.0.0.1:9/v1", timeout_seconds=2.0))
        assert card.endpoint is not None
        card = card.model_copy(update={"endpoint": named_endpoint(card.endpoint)})
        model = EndpointModel(card, load_tokenizer(card), BackendOptions())
        requests = [GenerationRequest(index, token_array([104, 105]), 8, ("x",)) for index in range(2)]
        completions = list(model.generate(RopeSetting("native"), requests))
    for completion in completions:
        completion.text.encode()


# Archives, digests, upstream


def _archive(case: bytes, folder: Path) -> None:
    from evalkit.data.fetching._archive import extract_member

    target = folder / "out" / "trec.jsonl"
    target.parent.mkdir()
    extract_member(_written(folder, "data.zip", case), "data/trec.jsonl", target)


def _digests(case: bytes, folder: Path) -> None:
    from evalkit.cards._digest import _remembered
    from evalkit.data import source
    from evalkit.data._places import expected_digest

    origin = source("leval")
    unpinned = origin.files[0].model_copy(update={"sha256": None})
    with _environment(EVALKIT_CACHE=str(folder)):
        _written(folder, "weight_digests.json", case)
        _written(folder, f"{origin.folder}/recorded_digests.json", case)
        _remembered()
        expected_digest(origin, unpinned)


def _wheel(case: bytes, folder: Path) -> None:  # noqa: ARG001
    from evalkit.data.upstream._opencompass import _value_of

    for name in ("prompt", "other", "words"):
        _value_of(name, case.decode("utf-8", "replace"), "some.py")


# Run folders


def _run_case(rng: random.Random) -> bytes:
    """Which of the two files is damaged, and its content."""
    if rng.random() < 0.6:
        return b"run.json\0" + _trees(seeds.MANIFEST)(rng)
    return b"samples.jsonl\0" + _lines_of(seeds.RUN_LINES)(rng)


def _run_folder(case: bytes, folder: Path) -> None:
    from evalkit.reports import lengths_of_run
    from evalkit.scores import score_run, write_scores

    name, _, content = case.partition(b"\0")
    run = folder / "run"
    _written(folder, "run/run.json", json_bytes(seeds.MANIFEST))
    _written(folder, "run/samples.jsonl", _as_lines(list(seeds.RUN_LINES)))
    _written(folder, f"run/{name.decode()}", content)
    scores, rows = score_run(run)
    write_scores(run, scores, rows)
    lengths_of_run(run)


# Scores kept in a folder, published numbers


_SETUP_FILES = ("sources.yaml", "setups.yaml")


def _kept_case(rng: random.Random) -> bytes:
    """Which of the files is damaged, and its content; half of them carry true checksums all the same."""
    entries, origin = seeds.KEPT_ANSWERS, seeds.KEPT_OUTPUTS
    name = rng.choice(("outputs.json", "answers.jsonl", "scores.json"))
    if rng.random() < 0.4:
        return name.encode() + b"\0" + damaged(_kept_files(entries, origin)[name], rng)
    if name == "answers.jsonl":
        entries = altered(list(entries), rng)
    else:
        origin = altered(origin, rng)
    files = _kept_files(entries, origin)
    return b"both\0" + files["outputs.json"] + b"\0" + files["answers.jsonl"]


def _kept_files(entries: Any, origin: Any) -> dict[str, bytes]:
    """The files of a folder of scores as somebody writes them who knows how evalkit does."""
    lines = b"".join(map(_checked, entries if isinstance(entries, list | tuple) else [entries]))
    if isinstance(origin, dict) and "answers_sha256" in origin:
        origin = {**origin, "answers_sha256": hashlib.sha256(lines).hexdigest()}
    return {"answers.jsonl": lines, "outputs.json": _checked(origin), "scores.json": json_bytes(seeds.KEPT_SCORES)}


def _checked(entry: Any) -> bytes:
    """One object on a line with its checksum, where evalkit could have made one."""
    from evalkit.lines import checked_line

    with contextlib.suppress(ValueError, TypeError, RecursionError):
        return checked_line(entry)
    return json_bytes(entry) + b"\n"


def _kept(case: bytes, folder: Path) -> None:
    from evalkit import compare, score_predictions

    name, _, content = case.partition(b"\0")
    files = _kept_files(seeds.KEPT_ANSWERS, seeds.KEPT_OUTPUTS)
    if name == b"both":
        files["outputs.json"], _, files["answers.jsonl"] = content.partition(b"\0")
    else:
        files[name.decode()] = content
    with _environment(EVALKIT_DATA="", EVALKIT_CACHE=str(folder / "cache")):
        for file, raw in files.items():
            _written(folder, f"kept/{file}", raw)
            _written(folder, f"whole/{file}", _kept_files(seeds.KEPT_ANSWERS, seeds.KEPT_OUTPUTS)[file])
        score_predictions(folder / "kept", "evalkit").to_json()
        compare(folder / "kept", folder / "whole").to_json()


def _published_file_case(rng: random.Random) -> bytes:
    """Which of the three files is damaged, and its content."""
    if rng.random() < 0.7:
        rows = [dict(row) for row in seeds.PUBLISHED_ROWS]
        for _ in range(rng.randint(0, 2)):
            rng.choice(rows)[rng.choice(list(rows[0]))] = rng.choice(_CELLS)
        raw = _table(rows)
        return b"mine.csv\0" + (damaged(raw, rng) if rng.random() < 0.6 else raw)
    name = rng.choice(_SETUP_FILES)
    return name.encode() + b"\0" + _trees(seeds.PUBLISHED_FILES[name])(rng)


_CELLS = (
    "1e400", "nan", "-1", "101", "٣", "9" * 400, "0." + "0" * 400, "-", "", " ", "stated: 3", "stated: 0", "stated:",
    "stated: rounded:400", "stated: rounded:2,rounded:2", "inferred: truncated:-1", "guess: 3", "dynamic:nan", "native",
    "range", "length", "overall", "0-4k", "\x1b[2J", "=cmd|x", 'a"b', "a\nb", "needle", "mine.yaml", "source/../..",
    "me: 70", "me: nan", "setup", "9" * 5000, "stated: " + "9" * 5000, "٣", "x" * 5000,
)  # fmt: skip


def _table(rows: Sequence[dict[str, str]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _published_file(case: bytes, folder: Path) -> None:
    from evalkit.published import check_published, read_published_file

    name, _, content = case.partition(b"\0")
    _written(folder, "mine.csv", _table(seeds.PUBLISHED_ROWS))
    for other, tree in seeds.PUBLISHED_FILES.items():
        _written(folder, other, json_bytes(tree))
    _written(folder, name.decode(), content)
    for score in read_published_file(folder / "mine.csv"):
        assert score.digits_range[0] <= score.score <= score.digits_range[1]
        assert score.margin > 0
    check_published(folder / "mine.csv")


# Templates, tokenizers


def _template(case: bytes, folder: Path) -> None:
    from evalkit.cards import Card, ChatTemplate
    from evalkit.prompts import chat_format
    from evalkit.tasks import Message

    text = case.decode("utf-8", "replace")
    values = {"name": "t", "title": "T", "weights": str(folder), "context_length": 512, "licence": "none"}
    card = Card.model_validate(values).model_copy(update={"chat": ChatTemplate(template=text or " ")})
    tokenizer = _embedded_tokenizer()
    chat_format(card, tokenizer).wrap(
        [Message("user", "Who?"), Message("assistant", "A"), Message("user", "?")], tokenizer
    )


_EMBEDDED: list[Any] = []


def _embedded_tokenizer() -> Any:
    from evalkit.cards import load_card
    from evalkit.prompts import load_tokenizer

    if not _EMBEDDED:
        _EMBEDDED.append(load_tokenizer(load_card("needle-tiny")))
    return _EMBEDDED[0]


def _tokenizer_case(rng: random.Random) -> bytes:
    """`tokenizer.json` with changes outside its vocabulary, or inside it now and then."""
    tree = dict(seeds.tiny_tokenizer())
    model = tree["model"]
    outer = {**tree, "model": {name: value for name, value in model.items() if name not in {"vocab", "merges"}}}
    changed = altered(outer, rng)
    if isinstance(changed, dict) and isinstance(changed.get("model"), dict) and rng.random() < 0.9:
        changed["model"] = {**{key: model[key] for key in ("vocab", "merges") if key in model}, **changed["model"]}
    raw = json_bytes(changed)
    return damaged(raw, rng) if rng.random() < 0.1 else raw


def _tokenizer(case: bytes, folder: Path) -> None:
    from evalkit.cards import load_card
    from evalkit.prompts import load_tokenizer

    _written(folder, "model/config.json", json_bytes(seeds.CONFIG))
    _written(folder, "model/tokenizer_config.json", json_bytes({"tokenizer_class": "PreTrainedTokenizerFast"}))
    _written(folder, "model/tokenizer.json", case)
    tokenizer = load_tokenizer(load_card(folder / "model"))
    ids = tokenizer.encode("Who is it? 谁\n")
    tokenizer.decode(ids, skip_special=True)
    tokenizer.encode_batch(["a", ""])
    str(tokenizer.digest)


def _sentencepiece_case(rng: random.Random) -> bytes:
    """`tokenizer.model` damaged anywhere, and now and then a setting of its class."""
    settings = altered(seeds.SENTENCEPIECE_SETTINGS, rng) if rng.random() < 0.4 else seeds.SENTENCEPIECE_SETTINGS
    raw = seeds.tiny_sentencepiece()
    return json_bytes(settings) + b"\0" + (damaged(raw, rng) if rng.random() < 0.7 else raw)


def _sentencepiece(case: bytes, folder: Path) -> None:
    from evalkit.cards import load_card
    from evalkit.prompts import load_tokenizer

    settings, _, raw = case.partition(b"\0")
    _written(folder, "model/config.json", json_bytes(seeds.CONFIG))
    _written(folder, "model/tokenizer_config.json", settings)
    _written(folder, "model/tokenizer.model", raw)
    # Of another class, transformers reads it, and tiktoken would keep a copy in its cache.
    with mock.patch.dict(os.environ, {"TIKTOKEN_CACHE_DIR": ""}):
        tokenizer = load_tokenizer(load_card(folder / "model"))
    ids = tokenizer.encode("Who is <s> it? 谁\n")
    tokenizer.decode(ids, skip_special=True)
    tokenizer.encode_marked([tokenizer.marked(f"<s>{tokenizer.guarded('<s>a')}</s> b")])
    str(tokenizer.digest)


READERS: tuple[Reader, ...] = (
    Reader("jsonl", _lines_of(seeds.RECORDS), _jsonl),
    Reader("json-array", _trees(list(seeds.RECORDS), bytes_share=0.7), _json_array),
    *(Reader(f"outputs-{form}", _lines_of(lines), _outputs(form, name)) for form, (name, lines) in seeds.LINES.items()),
    Reader("outputs-opencompass", _opencompass_case, _opencompass),
    Reader("card", _trees(seeds.CARD), _card),
    Reader("config-file", _trees(seeds.SETTINGS), _config_file),
    Reader("model-folder", _model_folder_case, _model_folder, seconds=30.0),
    Reader("safetensors", _safetensors_case, _safetensors, needs=("torch",), seconds=30.0),
    Reader("pickled-weights", _files(*seeds.pickled()), _pickled_weights, needs=("torch",), seconds=30.0),
    Reader("published-model", _published_case, _published_model, needs=("torch", "transformers"), seconds=30.0),
    Reader("benchmark", _benchmark_case, _benchmark),
    Reader("needles", _trees(list(seeds.NEEDLES)), _needles),
    Reader("haystack", _haystack_case, _haystack),
    Reader("needle-options", _options_case, _options, seconds=20.0),
    Reader("rope", _rope_case, _rope),
    Reader("settings", _settings_case, _settings),
    Reader("endpoint", _endpoint_case, _endpoint, seconds=20.0),
    Reader("archive", _files(*seeds.archives()), _archive),
    Reader("digests", _trees(seeds.DIGESTS), _digests),
    Reader("wheel", lambda rng: damaged_text(seeds.WHEEL, rng).encode(), _wheel),
    Reader("run-folder", _run_case, _run_folder, seconds=20.0),
    Reader("kept-answers", _kept_case, _kept, seconds=20.0),
    Reader("published-file", _published_file_case, _published_file, seconds=20.0),
    Reader("template", lambda rng: damaged_text(rng.choice(seeds.TEMPLATES), rng, seeds.TEMPLATES).encode(), _template,
           needs=("jinja2",), seconds=30.0),
    Reader("tokenizer", _tokenizer_case, _tokenizer, needs=("tokenizers",), seconds=30.0),
    Reader("sentencepiece", _sentencepiece_case, _sentencepiece, seconds=30.0),
)  # fmt: skip
"""A new reader is one line here: how its cases are made, and what reads them."""
