"""A user's own CSV file of published numbers: what may be left out, and how mistakes are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.errors import DataError
from evalkit.published import KNOBS, read_published_file

from .conftest import HEADER, Read, Write

FULL = "benchmark,kind,task,bucket,model,rope,score,protocol,n,margin,source,also_in,setup,outputs,note"


def test_five_columns_are_enough(read: Read) -> None:
    """Protocol and number of samples come from the benchmark, the margin from the rule, and no knob is known."""
    (score,) = read("leval,task,gsm100,my-model,27")

    assert ("opencompass", 100, 2.7, "native") == (score.protocol, score.n, score.margin, score.rope)
    assert (26.0, 28.0) == score.digits_range
    assert list(KNOBS) == list(score.knobs)
    assert {"unknown"} == {knob.basis for knob in score.knobs.values()}
    assert score.runs_averaged is None
    assert "own.csv:2" == score.where


def test_columns_come_in_any_order(read: Read) -> None:
    """Columns are found by name."""
    (score,) = read("27,my-model,gsm100,task,leval", header="score,model,task,kind,benchmark")

    assert ("gsm100", "27") == (score.task, score.printed)


def test_a_source_is_free_text(read: Read) -> None:
    """Where no sources.yaml lies beside it, a row names its source in words."""
    (score,) = read("leval,task,gsm100,my-model,27,a page I read", header=f"{HEADER},source")

    assert "a page I read" == score.source


def test_tasks_may_have_their_opencompass_names(read: Read) -> None:
    """A task named as OpenCompass does is the benchmark's own."""
    (score,) = read("leval,task,LEval_tpo,my-model,27")

    assert "tpo" == score.task


def test_a_knob_column_wins_over_the_setup(read: Read) -> None:
    """A column named as a knob holds basis and value."""
    header = f"{HEADER},source,runs,digits,sampling"
    (score,) = read("longbench-v2,overall,overall,m,64.5,a card,stated: 3,inferred: rounded:1,unknown", header=header)

    assert (3, (64.45, 64.55)) == (score.runs_averaged, score.digits_range)
    assert ("stated", "a card") == (score.knobs["runs"].basis, score.knobs["runs"].source)
    assert "unknown" == score.knobs["sampling"].value


def test_a_rope_column_says_how_the_run_was_scaled(read: Read) -> None:
    """Without a setup the column `rope` is what is known of that knob."""
    (score,) = read("needle,length,2048,m,97,dynamic:2", header=f"{HEADER},rope")

    assert ("dynamic:2", "stated") == (score.knobs["rope"].value, score.knobs["rope"].basis)


def test_setups_and_sources_beside_the_file_are_used(read: Read, tmp_path: Path) -> None:
    """`sources.yaml` and `setups.yaml` in the same folder are what its rows may name."""
    (tmp_path / "sources.yaml").write_text("here: {title: T, url: U, date: D, note: N}\n", "utf-8")
    (tmp_path / "setups.yaml").write_text("mine: {run: {limit: 8}}\n", "utf-8")
    (score,) = read("leval,task,gsm100,m,27,here,mine", header=f"{HEADER},source,setup")

    assert {"limit": 8} == dict(score.settings)
    with pytest.raises(DataError, match=r"own\.csv:2: source: 'there' is not in sources\.yaml"):
        read("leval,task,gsm100,m,27,there", header=f"{HEADER},source")


def test_the_same_number_with_other_digits_is_kept(read: Read) -> None:
    """`SOURCE: NUMBER` in `also_in` is how another source prints it."""
    (score,) = read("longbench,overall,overall,m,35.2356,another: 35.23", header=f"{HEADER},also_in")

    assert ("another", "35.23") == (score.also_in, score.also_printed)


def test_a_dash_is_no_score(read: Read) -> None:
    """A dash stands for a number that is not there."""
    assert () == read("leval,task,gsm100,m,-")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("leval,task,gsm100,m,x", r"own\.csv:2: score: expected a number from 0 to 100, or a dash, found 'x'"),
        ("leval,task,gsm100,m,nan", "score: expected a number"),
        ("leval,task,gsm100,m,-1", "score: expected a number"),
        ("leval,task,gsm100,m,100.1", "score: expected a number"),
        ("leval,mean,gsm100,m,1", "kind: expected one of task, range, length, group, overall, found 'mean'"),
        ("leval,task,gsm100,,1", "model: expected a name, found nothing"),
        ("leval,task,gsm100,m", "expected 5 columns, as in line 1"),
        ("leval,task,gsm100,m,1,2", "expected 5 columns, as in line 1"),
        ("levall,task,gsm100,m,1", "own.csv:2: benchmark: unknown benchmark 'levall': did you mean 'leval'"),
        ("leval,task,gsm1000,m,1", "own.csv:2: task: unknown task of leval 'gsm1000': did you mean 'gsm100'"),
        ("leval,group,close,m,1", "task: unknown group of leval 'close': did you mean 'closed'"),
        ("leval,overall,all,m,1", "task: expected overall"),
        ("needle,length,2k,m,1", "task: expected a length in tokens, found '2k'"),
        ("needle,length,0,m,1", "task: expected a length in tokens, found '0'"),
        (f"needle,length,{'9' * 5000},m,1", "task: expected a length in tokens, found '9+"),
        ("leval,task,gsm100,m,٣", "score: expected a number from 0 to 100"),
        ('leval,task,gsm100,m,"1', "own.csv:2: a quotation mark is opened and never closed"),
        (f"leval,task,gsm100,{'x' * 200000},1", "own.csv:2: a field of more than 131,072 characters"),
        ("leval,task,codeU,m,1", "task: codeU is not scored under opencompass"),
    ],
)
def test_a_mistake_is_named_by_file_line_and_column(read: Read, row: str, message: str) -> None:
    """One line says where the mistake is and what was expected."""
    with pytest.raises(DataError, match=message):
        read(row)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("n", "many", "own.csv:2: n: expected a whole number or nothing, found 'many'"),
        ("n", "0", "n: expected at least one sample"),
        ("n", "99", "own.csv:2: n: 99 samples, but leval gsm100 has 100 under opencompass"),
        ("margin", "x", "margin: expected a number of points above 0"),
        ("margin", "0", "margin: expected a number of points above 0"),
        ("protocol", "opencompas", "protocol: unknown protocol 'opencompas': did you mean 'opencompass'"),
        ("bucket", "0-4k", "bucket: a row of kind range names its range, and no other row does"),
        ("setup", "mine", "unknown setup 'mine'"),
        ("outputs", "folder", "outputs: expected SOURCE/FOLDER, found 'folder'"),
        ("outputs", "leval/../../x", "outputs: expected SOURCE/FOLDER"),
        ("also_in", "x: y", "also_in: expected SOURCE or SOURCE: NUMBER"),
        ("runs", "stated: some", "runs: expected a whole number from 1 to 999999, found 'some'"),
        ("runs", "said: 3", "runs: expected one of stated, inferred, unknown, found 'said'"),
        ("runs", f"stated: {'9' * 5000}", r"runs: expected a whole number from 1 to 999999, found '9+\.\.\.9+'$"),
        ("runs", "stated: ٣", "runs: expected a whole number from 1"),
        ("n", "١٠٠", "n: expected a whole number or nothing"),
        ("rope", "dynamic:nan", "own.csv:2: rope: RoPE spec 'dynamic:nan' is not one of"),
        ("rope", "x", "own.csv:2: rope: RoPE spec 'x' is not one of"),
        ("digits", "stated: 2", "digits: expected rounded:N, truncated:N or unknown, found '2'"),
    ],
)
def test_a_mistake_in_another_column_is_named(read: Read, column: str, value: str, message: str) -> None:
    """So it is for the columns that may be left out."""
    with pytest.raises(DataError, match=message):
        read(f"leval,task,gsm100,m,27,{value}", header=f"{HEADER},{column}")


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("benchmark,kind,task,model", r"own\.csv:1: column 'score' is missing"),
        (f"{HEADER},scor", r"own\.csv:1: unknown column 'scor': did you mean 'score'"),
        (f"{HEADER},score", r"own\.csv:1: column 'score' is given twice"),
        ("", r"own\.csv:1: column 'benchmark' is missing"),
        ('benchmark,"kind"s', r"own\.csv:1: ',' expected after"),
    ],
)
def test_a_wrong_first_line_is_named(write: Write, header: str, message: str) -> None:
    """A missing or unknown column is named before any number is read."""
    path = write("leval,task,gsm100,m,27,1", header=header)

    with pytest.raises(DataError, match=message):
        read_published_file(path)


def test_a_number_that_one_source_prints_twice_is_refused(read: Read) -> None:
    """Which of the two holds nobody knows, and a table would count it twice; two sources may differ."""
    header = f"{HEADER},source"

    with pytest.raises(DataError, match=r"own\.csv:4: gsm100 of m stands in line 2 too"):
        read("leval,task,gsm100,m,27,a", "leval,task,gsm100,n,27,a", "leval,task,gsm100,m,12.5,a", header=header)
    assert 2 == len(read("leval,task,gsm100,m,27,a", "leval,task,gsm100,m,12.5,b", header=header))


def test_a_missing_file_is_an_error_of_one_line(tmp_path: Path) -> None:
    """A path that leads nowhere is said so."""
    with pytest.raises(DataError, match=r"nowhere\.csv"):
        read_published_file(tmp_path / "nowhere.csv")


def test_damaged_sources_are_refused(read: Read, tmp_path: Path) -> None:
    """A source with a field missing is an error that names the file."""
    (tmp_path / "sources.yaml").write_text("here: {title: T}\n", "utf-8")

    with pytest.raises(DataError, match=r"sources\.yaml: cannot be read as published sources"):
        read("leval,task,gsm100,m,27")


@pytest.mark.parametrize("text", ["here: [" + "[" * 5000, "here: &a [*a]\nhere: {}", "\0", "- a", "7: {id: x}"])
def test_sources_of_any_shape_are_read_or_refused(read: Read, tmp_path: Path, text: str) -> None:
    """Nesting without end, doubled names and signs that no YAML holds are one line each."""
    (tmp_path / "sources.yaml").write_text(text, "utf-8")

    with pytest.raises(DataError, match=r"sources\.yaml"):
        read("leval,task,gsm100,m,27")


@pytest.mark.parametrize("like", ["[a]", "{a: b}", "nowhere"])
def test_a_setup_like_nothing_above_it_is_refused(read: Read, tmp_path: Path, like: str) -> None:
    """Whatever stands there."""
    (tmp_path / "setups.yaml").write_text(f"a: {{}}\nb: {{like: {like}}}\n", "utf-8")

    with pytest.raises(DataError, match=r"setups\.yaml: b: like: .* is no entry above it"):
        read("leval,task,gsm100,m,27")
