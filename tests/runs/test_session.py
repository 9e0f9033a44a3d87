"""What a run asks for is found and checked before anything is done, and wrong input is one line."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.cards import Card, check_card, load_card
from evalkit.errors import DataError, UserError
from evalkit.models import BackendOptions
from evalkit.rope import RopeModel, RopeSetting
from evalkit.runs import RunSettings, Session, check_live, open_session, plan_session
from evalkit.tasks import load_spec

Open = Callable[..., Session]


@pytest.fixture
def opened(toy: str, tiny_model: Path, bare: Path) -> Open:  # noqa: ARG001
    """Opener of sessions of the toy benchmark: `opened(limit=…)`."""

    def go(**settings: Any) -> Session:
        values = {"model": str(tiny_model), "benchmarks": (toy,), "backend": "toy"} | settings
        return open_session(RunSettings(**values))

    return go


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"limit": 0}, "--limit 0: must be 1 or more"),
        ({"limit": -3}, "--limit -3: must be 1 or more"),
        ({"max_seq_len": 0}, "--max-seq-len 0"),
        ({"max_new_tokens": -1}, "--max-new-tokens -1"),
        ({"rope_grid": 1.0}, "--rope-grid 1"),
        ({"rope_grid": float("nan")}, "--rope-grid nan"),
        ({"rope_grid": float("inf")}, "--rope-grid inf"),
        ({"dtype": "int8"}, "--dtype int8: must be one of auto, float32"),
        ({"rope": "dynamic"}, "RoPE spec 'dynamic' is not one of"),
        ({"rope": "yarn:0.5"}, "RoPE spec 'yarn:0.5'"),
        ({"truncation": "midle"}, "did you mean 'middle'"),
        ({"protocol": "plane"}, "did you mean 'plain'"),
        ({"protocol": "official"}, "its prompts are not public"),
        ({"tasks": ("tale",)}, "did you mean 'tales'"),
        ({"chat": "nowhere.jinja"}, "--chat nowhere.jinja"),
        ({"model": "index-1.9b-32"}, "did you mean 'index-1.9b-32k'"),
        ({"model": "./nowhere"}, "no such file or folder"),
        ({"benchmarks": ("toys",)}, "unknown benchmark 'toys'"),
        ({"benchmarks": ()}, "no benchmark named"),
        ({"benchmarks": ("leval", "leval")}, "named twice"),
        ({"benchmarks": ("leval", "needle"), "data": Path()}, "--data is one benchmark's folder"),
        ({"benchmarks": ("nowhere.yaml",)}, "nowhere.yaml: cannot be read"),
    ],
)
def test_wrong_input_is_one_line_that_names_it(opened: Open, settings: dict[str, Any], problem: str) -> None:
    """What, where and what to do; nearest valid names are suggested."""
    with pytest.raises(UserError) as caught:
        opened(**settings)

    assert problem in str(caught.value)
    assert 1 == len(str(caught.value).splitlines())


def test_a_benchmark_named_by_name_and_by_file_is_named_twice(opened: Open, toy: str, bare: Path) -> None:
    """Two jobs of one name would write into one folder."""
    twin = bare / "twin.yaml"
    twin.write_text(Path(toy).read_text())

    with pytest.raises(UserError, match="named twice"):
        opened(benchmarks=(toy, str(twin)))


def test_the_window_is_the_users_the_protocols_or_the_models(opened: Open, toy: str, bare: Path) -> None:
    """In this order."""
    own = bare / "own.yaml"
    own.write_text(Path(toy).read_text().replace("truncation: middle}", "truncation: index, max_seq_len: 300}"))

    windows = [
        opened(**settings).jobs[0].max_seq_len
        for settings in ({}, {"benchmarks": (str(own),)}, {"benchmarks": (str(own),), "max_seq_len": 200})
    ]

    assert [512, 300, 200] == windows


def test_a_window_beyond_the_models_is_said_and_allowed(opened: Open) -> None:
    """That is what extrapolation is."""
    session = opened(max_seq_len=4096)

    assert ["toy: window 4096 exceeds the 512 tokens tiny was made for"] == list(session.notes)


def test_a_task_that_the_protocol_lacks_is_skipped_and_said(opened: Open) -> None:
    """Asked for together with one it has."""
    session = opened(tasks=("tales", "sagas"))

    assert (("tales", "sagas"), ()) == (session.jobs[0].tasks, session.jobs[0].skipped)


@pytest.mark.parametrize(
    ("settings", "label"),
    [
        ({}, "plain"),
        ({"truncation": "context-middle"}, "plain+context-middle"),
        ({"max_new_tokens": 9, "rope": "linear:4"}, "plain+rope-linear:4+max-new-tokens-9"),
        (
            {
                "truncation": "index",
                "rope": "dynamic:2",
                "rope_grid": 2.0,
                "max_seq_len": 99,
                "chat": "none",
                "dtype": "float32",
            },
            "plain+index+rope-dynamic:2+rope-grid-2.0+max-seq-len-99+chat-none+dtype-float32",
        ),
        ({"rope": "yarn:4", "rope_mode": "engine"}, "plain+rope-yarn:4+rope-mode-engine"),
        ({"rope": "yarn:4", "rope_mode": "effective-base"}, "plain+rope-yarn:4"),
        ({"rope": "native", "protocol": "chain", "limit": 3}, "chain"),
    ],
)
def test_the_label_says_what_the_user_overrode(opened: Open, settings: dict[str, Any], label: str) -> None:
    """A score under an override is never printed under the protocol's name alone."""
    assert label == opened(**settings).jobs[0].label


def test_folders_have_names_of_their_own(opened: Open) -> None:
    """Card, benchmark, protocol and RoPE spec; `--out` is the folder itself for one benchmark."""
    folders = [
        opened(**settings).jobs[0].folder
        for settings in ({}, {"rope": "dynamic:4"}, {"protocol": "chain"}, {"out": Path("here")})
    ]

    names = ["tiny-toy-plain", "tiny-toy-plain-dynamic-4", "tiny-toy-chain"]
    assert [*(Path("results") / name for name in names), Path("here")] == folders


def test_a_rope_spec_needs_the_facts_of_the_model(opened: Open, tiny_model: Path, bare: Path) -> None:
    """Native needs none; an effective base needs the trained base and the head's dimension."""
    assert RopeSetting("native") == opened().rope_of()(10**6)
    assert RopeSetting("default", 10000.0) == opened(rope="none").rope_of()(10**6)

    card = bare / "card.yaml"
    card.write_text(f"{{name: t, title: T, weights: {tiny_model}, context_length: 512, licence: none}}")
    with pytest.raises(UserError, match=r"--rope none needs rope\.theta, which its card does not state"):
        opened(model=str(card), rope="none").rope_of()


def test_a_model_with_a_base_for_each_kind_of_layer_is_told_so_first(
    opened: Open, tiny_model: Path, bare: Path
) -> None:
    """Not that it was released with a scaling, which a flag could replace, and then that it cannot be."""
    card = bare / "card.yaml"
    card.write_text(
        f"{{name: t, title: T, weights: {tiny_model}, context_length: 512, licence: none, "
        "rope: {scaling: native}, unconfirmed: [{facts: [rope], source: made up}]}"
    )

    with pytest.raises(UserError, match="one base for each kind of layer, runs with --rope native only"):
        opened(model=str(card), rope="dynamic:2").check_rope()


def test_keys_and_values_are_counted_from_the_card(opened: Open) -> None:
    """Two numbers for each layer, key head and dimension; four bytes each in float32, else two."""
    assert [2 * 2 * 1 * 16 * size for size in (2, 4)] == [
        opened(**settings).kv_bytes_per_token for settings in ({}, {"dtype": "float32"})
    ]


def test_a_card_that_lacks_a_fact_counts_no_bytes(opened: Open, tiny_model: Path, bare: Path) -> None:
    """Rather unknown than wrong."""
    card = bare / "card.yaml"
    card.write_text(f"{{name: t, title: T, weights: {tiny_model}, context_length: 512, licence: none}}")

    session = opened(model=str(card))

    assert isinstance(session.card, Card)
    assert session.kv_bytes_per_token is None


def test_the_backend_is_told_the_settings_of_the_run(opened: Open) -> None:
    """In one place for runs and checks; the number format is the card's where nobody sets one."""
    said: list[str] = []
    session = opened(dtype="float32", device="cpu", is_reusing_prefixes=False, trust_remote_code=True)

    options = session.backend_options(longest_sequence=77, note=said.append)

    options.note("hello")
    told = BackendOptions("float32", "cpu", "auto", False, None, True, 77, None, said.append, logs=session.logs)
    assert told == options
    assert ["hello"] == said
    assert "auto" == opened().backend_options(longest_sequence=1, note=said.append).dtype


def test_a_check_refuses_what_a_run_refuses(tiny_model: Path) -> None:
    """Before anything is loaded."""
    with pytest.raises(UserError, match="--max-seq-len 0: must be 1 or more"):
        next(check_live(RunSettings(str(tiny_model), (), max_seq_len=0), print))


EXTENDED = {
    "max_position_embeddings": 512,
    "rope_parameters": {
        "rope_type": "yarn", "factor": 4.0, "rope_theta": 10000.0, "original_max_position_embeddings": 128,
    },
}  # fmt: skip


def test_rope_counts_from_the_original_length(opened: Open, save_model: Callable[..., Path]) -> None:
    """What a configuration extended already is not extended from its extended length once more."""
    folder = str(save_model(**EXTENDED))

    yarn = opened(model=folder, rope="yarn:4").rope_of()(512)
    dynamic = opened(model=folder, rope="dynamic:4").rope_of()(512)

    assert 128 == yarn.original_length
    assert dynamic.base == pytest.approx(10000.0 * 13 ** (16 / 14))  # m = 4 · 512 / 128 − 3, 16 dimensions


def test_a_scaling_the_model_was_released_with_is_not_replaced_silently(
    opened: Open, save_model: Callable[..., Path]
) -> None:
    """Refused before anything runs, unless the user says so; the released scaling itself is no replacement."""
    folder = str(save_model(**EXTENDED))

    with pytest.raises(UserError, match=r"released with scaling yarn:4.*--rope-replaces-native"):
        plan_session(opened(model=folder, rope="dynamic:4"))
    allowed = opened(model=folder, rope="dynamic:4", rope_replaces_native=True)

    plan_session(allowed)
    plan_session(opened(model=folder, rope="yarn:4"))
    assert any("replaces the scaling" in note for note in allowed.notes)
    assert "+rope-replaces-native-yes" in allowed.jobs[0].label


def test_a_scaling_can_stay_beneath_what_is_asked(opened: Open, save_model: Callable[..., Path]) -> None:
    """L is then the window after it; what cannot stand on it is refused by name, and so are both flags together."""
    folder = str(save_model(**EXTENDED))
    session = opened(model=folder, rope="dynamic:4", rope_stacks_on_native=True)

    plan_session(session)
    assert RopeSetting("native") == session.rope_of()(512)
    assert RopeSetting("yarn", 10000.0 * 5 ** (16 / 14), 4.0, 128) == session.rope_of()(1024)
    assert "--rope dynamic:4 stands on the scaling that tiny was released with (yarn:4)" in session.notes
    assert session.jobs[0].label.endswith("+rope-dynamic:4+rope-stacks-on-native-yes")
    assert True is session.jobs[0].identity["rope_stacks_on_native"]
    assert {"base": 10000.0, "length": 128, "dimension": 16, "beneath": "yarn:4", "extended_length": 512} == (
        session.jobs[0].identity["rope_model"]
    )
    with pytest.raises(UserError, match=r"--rope-replaces-native .* or --rope-stacks-on-native"):
        plan_session(opened(model=folder, rope="dynamic:4"))
    with pytest.raises(UserError, match="yarn on yarn:4 means nothing: only ntk, dynamic, base can stand on it"):
        plan_session(opened(model=folder, rope="yarn:4", rope_stacks_on_native=True))
    with pytest.raises(UserError, match=r"--rope-replaces-native and --rope-stacks-on-native: .* not both"):
        opened(model=folder, rope="ntk:4", rope_stacks_on_native=True, rope_replaces_native=True)


def test_stacking_on_nothing_is_the_plain_condition(opened: Open) -> None:
    """A model without a scaling has nothing beneath."""
    plain, stacked = (opened(rope="ntk:4", rope_stacks_on_native=each).rope_of()(9) for each in (False, True))

    assert plain == stacked


LONGROPE = {
    "max_position_embeddings": 512,
    "rope_parameters": {
        "rope_type": "longrope", "rope_theta": 10000.0, "original_max_position_embeddings": 128, "factor": 4.0,
        "short_factor": [1.0] * 8, "long_factor": [4.0] * 8,
    },
}  # fmt: skip


def test_longrope_reads_the_factors_of_the_weights(opened: Open, save_model: Callable[..., Path]) -> None:
    """It is the model's own scaling, so nothing is replaced; the factors count in the identity."""
    session = opened(model=str(save_model(**LONGROPE)), rope="longrope")
    others = {**LONGROPE["rope_parameters"], "long_factor": [5.0] * 8}
    other = opened(model=str(save_model(**LONGROPE | {"rope_parameters": others})), rope="longrope")

    plan_session(session)
    short, long = (session.rope_of()(tokens) for tokens in (128, 129))
    assert ((1.0,) * 8, (4.0,) * 8) == (short.factors, long.factors)
    digests = {each.jobs[0].identity["rope_model"]["longrope"] for each in (session, other)}
    assert 2 == len(digests)
    with pytest.raises(UserError, match="needs short_factor and long_factor"):
        opened(rope="longrope").check_rope()
    with pytest.raises(UserError, match="nothing can stand on longrope"):
        opened(model=str(save_model(**LONGROPE)), rope="dynamic:4", rope_stacks_on_native=True).check_rope()


def test_a_spec_on_a_model_without_rotary_embedding_says_what_it_has(
    opened: Open, save_model: Callable[..., Path]
) -> None:
    """By name, before anything runs, also where its class states a base that it does not use."""
    folder = save_model()
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "model_type": "falcon", "alibi": True}))

    with pytest.raises(UserError, match="the model has no rotary embedding: it uses ALiBi; --rope native runs it"):
        plan_session(opened(model=str(folder), rope="dynamic:4"))


def test_an_odd_number_of_turned_dimensions_is_refused(opened: Open, tiny_model: Path, bare: Path) -> None:
    """Pairs turn."""
    card = bare / "card.yaml"
    card.write_text(
        f"name: c\ntitle: C\nlicence: none\ncontext_length: 512\nweights: {tiny_model}\nrope: {{theta: 10000}}\n"
        "architecture: {head_dim: 16, rotary_dim: 5}\nsources: [{facts: [rope.theta], source: a test}]\n"
    )

    with pytest.raises(UserError, match=r"turns pairs of dimensions, and its card or config\.json makes 5, an odd"):
        opened(model=str(card), rope="none").check_rope()


def test_inside_the_original_window_dynamic_leaves_a_scaled_model_as_it_is(
    opened: Open, save_model: Callable[..., Path]
) -> None:
    """m = 1 changes nothing, so the released scaling stays in force there."""
    session = opened(model=str(save_model(**EXTENDED)), rope="dynamic:4", rope_replaces_native=True)

    assert RopeSetting("native") == session.rope_of()(128)
    assert "default" == session.rope_of()(129).rope_type


def test_a_card_that_claims_more_window_than_its_weights_is_said(
    opened: Open, save_model: Callable[..., Path], bare: Path
) -> None:
    """In every run and plan, with both numbers."""
    card = bare / "card.yaml"
    card.write_text(f"name: c\ntitle: C\nlicence: none\ncontext_length: 4096\nweights: {save_model()}\n")

    notes = opened(model=str(card)).notes

    assert any("claims 4,096 tokens" in note and "512" in note for note in notes)


def test_the_date_that_a_template_prints_is_in_the_identity(opened: Open, bare: Path) -> None:
    """Only where it prints one, so that other runs go on as they are."""
    dated = bare / "dated.jinja"
    dated.write_text("{{ strftime_now('%d %b %Y') }} {{ messages[0].content }}")

    assert "2024-07-26" == opened(chat=str(dated)).jobs[0].identity["template_date"]
    assert "template_date" not in opened().jobs[0].identity


def test_each_benchmark_of_several_has_a_folder_below_out(opened: Open, toy: str, bare: Path) -> None:
    """Named after the benchmark."""
    twin = bare / "twin.yaml"
    twin.write_text(Path(toy).read_text().replace("name: toy", "name: twin"))

    jobs = opened(benchmarks=(toy, str(twin)), out=Path("here")).jobs

    assert [Path("here/toy"), Path("here/twin")] == [job.folder for job in jobs]


def test_tasks_that_a_protocol_lacks_are_left_out_or_refused(opened: Open, toy: str, bare: Path) -> None:
    """Named where others are left to run; an error that suggests those where none is."""
    short = bare / "short.yaml"
    short.write_text(Path(toy).read_text().replace("sagas, group", "x").replace(
        "{title: Sagas, group: long, expected: {plain: 24, chain: 24}}",
        "{title: Sagas, group: long, expected: {chain: 24}}",
    ))  # fmt: skip

    session = opened(benchmarks=(str(short),))

    assert (("tales",), ("sagas",)) == (session.jobs[0].tasks, session.jobs[0].skipped)
    assert ["toy: protocol plain does not have sagas"] == list(session.notes)
    with pytest.raises(UserError, match=r"task of toy under protocol plain.*sagas.*tales"):
        opened(benchmarks=(str(short),), tasks=("sagas",))


def test_tasks_run_in_the_benchmarks_order_each_once(opened: Open) -> None:
    """Whatever order they were named in."""
    job = opened(tasks=("sagas", "tales", "sagas"), limit=2).jobs[0]

    assert ("tales", "sagas") == job.tasks
    assert ["toy/tales/0", "toy/tales/1", "toy/sagas/0", "toy/sagas/1"] == [sample.id for sample in job.all_samples()]


@pytest.mark.parametrize(("chat", "room"), [("server", 90), ("tokenizer", 100)])
def test_what_a_servers_format_adds_is_kept_free(
    opened: Open, tiny_model: Path, bare: Path, chat: str, room: int
) -> None:
    """Only where the server formats the messages; the window that is said stays the one asked for."""
    card = bare / "card.yaml"
    card.write_text(
        f"name: t\ntitle: T\ntokenizer: {tiny_model}\ncontext_length: 512\nlicence: none\nchat: {chat}\n"
        "endpoint: {base_url: http://127.0.0.1:1/v1, model: m, markup_tokens: 10}\n"
    )
    job = opened(model=str(card), backend="openai", max_seq_len=100, tasks=("sagas",), limit=1).jobs[0]

    (request,) = (job.benchmark.request(sample, job.protocol, ()) for sample in job.all_samples())
    assert request is not None
    (prompt,) = job.builder.build([request])

    assert (100, room - 6) == (job.max_seq_len, len(prompt.ids))


TPO = load_spec("leval").tasks["tpo"].file


@pytest.fixture
def tpo(bare: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One task's data of L-Eval, and not the pinned one."""
    monkeypatch.setenv("EVALKIT_DATA", str(bare / "data"))
    path = bare / "data" / "leval" / TPO
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"instructions": ["?"], "input": "text", "outputs": ["A"]}) + "\n", "utf-8")
    return path


def test_partial_runs_what_is_at_hand_and_says_what_is_not(opened: Open, tpo: Path) -> None:
    """Tasks without data are left out, data that is not the pinned one is named."""
    session = opened(benchmarks=("leval",), tasks=("coursera", "tpo"), partial=True)

    job = session.jobs[0]
    assert (("tpo",), ("coursera",)) == (job.tasks, job.missing)
    assert ([TPO], [TPO]) == (job.unpinned, job.altered)
    assert {TPO: hashlib.sha256(tpo.read_bytes()).hexdigest()} == job.identity["data"]
    assert ["leval: partial, no data for coursera", f"leval: not known to be the pinned data: {TPO}"] == [
        note for note in session.notes if "data" in note
    ]


@pytest.mark.usefixtures("tpo")
def test_partial_without_any_data_is_refused(opened: Open) -> None:
    """There is nothing to run, and the message says how to get it."""
    spec = load_spec("leval")
    tasks = tuple(name for name in spec.tasks if name != "tpo" and spec.has_task(name, spec.default_protocol))

    with pytest.raises(DataError) as few:
        opened(benchmarks=("leval",), tasks=tasks[:4], partial=True)
    with pytest.raises(DataError) as many:
        opened(benchmarks=("leval",), tasks=tasks[:5], partial=True)

    named = ", ".join(tasks[:4])
    assert f"leval: no data of {named} at hand; run: evalkit data fetch leval" in str(few.value)
    assert f"leval: no data of {named}… at hand" in str(many.value)


def test_data_that_is_not_the_pinned_one_needs_partial(opened: Open, tpo: Path) -> None:
    """A score on it is not the benchmark's."""
    with pytest.raises(DataError, match="expected") as caught:
        opened(benchmarks=("leval",), tasks=("tpo",))

    assert str(caught.value).startswith(str(tpo))


def test_a_data_folder_without_the_file_is_an_error_not_other_data(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever tests changed data must not get the standard score."""
    elsewhere, named = tmp_path / "elsewhere" / "leval" / "Exam", tmp_path / "named"
    elsewhere.mkdir(parents=True)
    named.mkdir()
    (elsewhere / "quality.jsonl").write_text("{}\n")
    monkeypatch.setenv("EVALKIT_DATA", str(tmp_path / "elsewhere"))

    with pytest.raises(UserError, match=r"Exam/quality\.jsonl is not in .*named"):
        open_session(RunSettings(str(tiny_model), ("leval",), tasks=("quality",), data=named))


def test_two_experiments_go_to_two_folders(opened: Open) -> None:
    """Every override that can change a score is in the name, which stays of a bearable length."""
    folders = [
        opened(**settings).jobs[0].folder
        for settings in (
            {}, {"max_new_tokens": 8}, {"truncation": "index"}, {"dtype": "float32"}, {"chat": "none"},
            {"max_seq_len": 256}, {"rope": "dynamic:4", "rope_grid": 1.02}, {"attention": "eager"},
            {"rope": "dynamic:4"}, {"rope": "dynamic:4", "rope_mode": "engine"},
            {"max_new_tokens": 8, "max_seq_len": 256, "truncation": "context-middle", "dtype": "bfloat16",
             "chat": "none", "rope": "dynamic:4", "rope_grid": 1.02, "attention": "eager"},
        )
    ]  # fmt: skip

    assert len(folders) == len(set(folders))
    assert Path("results/tiny-toy-plain-max-new-tokens-8") == folders[1]
    assert max(len(folder.name) for folder in folders) <= 120


def test_what_the_weights_contradict_is_said_at_plan_and_run(opened: Open, tiny_model: Path, bare: Path) -> None:
    """In the words of `cards check`, one line each, whether or not a RoPE setting counts with it."""
    card = bare / "card.yaml"
    card.write_text(
        f"name: t\ntitle: T\nweights: {tiny_model}\ncontext_length: 512\nlicence: none\nchat: none\n"
        "rope: {theta: 320000, scaling: 'linear:2', original_length: 512}\narchitecture: {head_dim: 32}\n"
        "sources: [{facts: [rope], source: a test}]\n"
    )
    said = {finding.message for finding in check_card(load_card(card)) if finding.level == "error"}

    notes = opened(model=str(card)).notes

    found = [note for note in notes if "config.json" in note]
    assert ["architecture.head_dim", "rope.theta", "rope.scaling"] == [note.partition(":")[0] for note in found]
    assert set(found) <= said


def test_a_card_made_of_the_weights_own_file_says_nothing(opened: Open) -> None:
    """It agrees with it by birth."""
    assert [] == [note for note in opened().notes if "config.json" in note]


def test_the_backend_is_told_what_the_rope_settings_were_computed_from(opened: Open) -> None:
    """To be held against the loaded model; nothing under `native`."""
    told = [
        opened(rope=rope).backend_options(longest_sequence=1, note=print).rope_model for rope in ("native", "ntk:2")
    ]

    assert [None, RopeModel(10000.0, 512, 16)] == told


@pytest.mark.parametrize(("limit", "expected"), [(None, 3 * 11 * 4), (5, 5), (999, 3 * 11 * 4)])
def test_a_run_knows_how_many_samples_it_asks(
    tiny_model: Path,
    bare: Path,  # noqa: ARG001
    limit: int | None,
    expected: int,
) -> None:
    """Before any is made, so that progress can say of how many."""
    options = {"lengths": "200,300,400", "repeats": "4"}

    session = open_session(RunSettings(str(tiny_model), ("needle",), options=options, limit=limit))

    assert expected == session.expected == len(list(session.jobs[0].all_samples()))


def test_a_window_that_holds_next_to_nothing_is_said(opened: Open) -> None:
    """A missing digit shows before the run, not in its scores."""
    said = "toy: a window of 10 tokens for prompt and answer leaves next to nothing of any prompt; check --max-seq-len"

    assert said in opened(max_seq_len=10, truncation="middle").notes
    assert said not in opened(max_seq_len=300).notes
