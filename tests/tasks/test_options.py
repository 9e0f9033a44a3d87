"""Options of a benchmark: defaults, what is identity, what a run that goes on unites, and lists of numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import UserError
from evalkit.tasks import BenchmarkSpec, join_options, load_benchmark, load_benchmarks, option_identity, resolve_options
from evalkit.tasks._options import expand, option_number, option_numbers


@pytest.fixture
def spec() -> BenchmarkSpec:
    return BenchmarkSpec.model_validate({
        "name": "toy",
        "title": "Toy",
        "kind": "toy",
        "about": "",
        "source": "",
        "default_protocol": "plain",
        "tasks": {},
        "protocols": {"plain": {"meaning": "", "source": "", "scoring": ""}},
        "options": {
            "lengths": {"about": "", "default": "1,2", "grows": "list"},
            "repeats": {"about": "", "default": "1", "grows": "count"},
            "lang": {"about": "", "default": "en", "choices": ["en", "zh"], "grows": "list"},
            "mode": {"about": "", "default": "a", "choices": ["a", "b"]},
            "text": {"about": "", "is_path": True},
        },
    })  # fmt: skip


def test_what_is_not_given_has_its_default(spec: BenchmarkSpec) -> None:
    """Every option has a value."""
    values = resolve_options(spec, {"mode": "b"})

    assert values == {"lengths": "1,2", "repeats": "1", "lang": "en", "mode": "b", "text": ""}


def test_a_path_is_made_absolute(spec: BenchmarkSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run can be scored from any folder, so its manifest holds absolute paths."""
    monkeypatch.chdir(tmp_path)

    assert str(tmp_path / "my.txt") == resolve_options(spec, {"text": "my.txt"})["text"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"depths": "5"}, "option depths: toy has lengths, repeats, lang, mode, text"),
        ({"mode": "c"}, "option mode=c: expected one of a, b"),
        ({"lang": "en,fr"}, "option lang=fr: expected one of en, zh"),
        ({"lang": "en,en"}, "option lang=en,en: en is given twice; leave one out"),
    ],
)
def test_a_wrong_option_is_named(spec: BenchmarkSpec, given: dict[str, str], message: str) -> None:
    """The message says which option and what it could be."""
    with pytest.raises(UserError) as caught:
        resolve_options(spec, given)

    assert message == str(caught.value)


def test_options_that_only_choose_samples_are_no_identity(spec: BenchmarkSpec) -> None:
    """A run may go on with other lengths, repeats or languages, but not in another mode."""
    values = resolve_options(spec, {})

    assert option_identity(spec, values) == {"mode": "a", "text": ""}


def test_a_file_is_identified_by_its_content(spec: BenchmarkSpec, tmp_path: Path) -> None:
    """The same text at another place is the same run; another text at the same place is not."""
    here, there, other = tmp_path / "here.txt", tmp_path / "there.txt", tmp_path / "other.txt"
    for path, text in ((here, "one"), (there, "one"), (other, "two")):
        path.write_text(text)

    digests = [
        option_identity(spec, resolve_options(spec, {"text": str(path)}))["text"] for path in (here, there, other)
    ]

    assert (True, False) == (digests[0] == digests[1], digests[0] == digests[2])


def test_a_folder_is_identified_by_names_and_contents(spec: BenchmarkSpec, tmp_path: Path) -> None:
    """Order of haystack files follows their names, so a renamed file is another haystack."""
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.txt").write_text("one")
    before = option_identity(spec, resolve_options(spec, {"text": str(tmp_path / "text")}))

    (tmp_path / "text" / "a.txt").rename(tmp_path / "text" / "b.txt")

    assert before != option_identity(spec, resolve_options(spec, {"text": str(tmp_path / "text")}))


def test_a_path_that_does_not_exist_is_refused(spec: BenchmarkSpec, tmp_path: Path) -> None:
    """A mistyped path must not pass for no path."""
    with pytest.raises(UserError, match="no such file or folder"):
        option_identity(spec, resolve_options(spec, {"text": str(tmp_path / "none")}))


def test_a_run_that_goes_on_keeps_the_samples_of_both_calls(spec: BenchmarkSpec) -> None:
    """Lists are united, numbers written otherwise are the same, counts take the larger."""
    earlier = resolve_options(spec, {"lengths": "1:3:1", "repeats": "12"})
    now = resolve_options(spec, {"lengths": "2.0,5", "repeats": "9", "lang": "zh"})

    joined = join_options(spec, earlier, now)

    assert ("1,2,3,5", "12", "en,zh") == (joined["lengths"], joined["repeats"], joined["lang"])


def test_each_benchmark_gets_the_options_it_has() -> None:
    """With several benchmarks in one call, an option goes to those that know it."""
    grid, other = load_benchmarks(["needle", "leval"], {"lengths": "128"})

    assert (33 * 5 // 3, 20) == (grid.expected("single", "keyword"), len(other.spec.tasks))


def test_an_option_that_no_benchmark_has_is_refused() -> None:
    """A mistyped option must not be passed over."""
    with pytest.raises(UserError, match="option length: not one of needle, leval"):
        load_benchmarks(["needle", "leval"], {"length": "128"})


def test_a_benchmark_without_options_takes_none() -> None:
    """An option for a benchmark that has none is a mistake, and said."""
    with pytest.raises(UserError, match="option lengths: leval has no options"):
        load_benchmark("leval", {"lengths": "128"})


@pytest.mark.parametrize("text", ["nan", "inf", "1,-inf", "abc", "", "1,,2"])
def test_text_that_is_no_list_of_numbers_is_refused(text: str) -> None:
    """Neither words nor infinities are positions."""
    with pytest.raises(UserError, match="expected"):
        option_numbers("depths", text)


def test_a_number_given_twice_is_refused() -> None:
    """Also where it is written in two ways."""
    with pytest.raises(UserError, match="50 is given twice"):
        option_numbers("depths", "50,50.0")


@pytest.mark.parametrize("text", ["-1", "1.5", "x", "", "9" * 19])
def test_text_that_is_no_count_is_refused(text: str) -> None:
    """Counts and seeds are whole numbers of at most 18 digits."""
    with pytest.raises(UserError, match="whole number"):
        option_number("repeats", text)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("256,512", ["256", "512"]),
        ("0:100:25", ["0", "25", "50", "75", "100"]),
        ("0:100:6.25", [f"{6.25 * step:g}" for step in range(17)]),
        ("0:1:0.1", ["0", "0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9", "1"]),
        ("0:10:4", ["0", "4", "8"]),
        ("1, 2.0 ,5:6:1", ["1", "2", "5", "6"]),
        ("linear:0:100:5", ["0", "25", "50", "75", "100"]),
        ("en,zh", ["en", "zh"]),
        ("7", ["7"]),
    ],
)
def test_every_form_is_written_out(text: str, values: list[str]) -> None:
    """Single values, ranges with their end, and evenly spaced points may be mixed; words stay words."""
    assert values == expand(text)


def test_the_classic_lengths_are_rounded_to_whole_tokens() -> None:
    """35 points from 1,000 to 16,000, as the first needle test had them."""
    values = expand("linear:1000:16000:35")

    assert (["1000", "1441", "1882", "2324"], "16000", 35) == (values[:4], values[-1], len(values))


def test_sigmoid_depths_crowd_at_both_ends() -> None:
    """The logistic of the first needle test, its ends kept at 0 and 100, three decimals."""
    values = [float(value) for value in expand("sigmoid:11")]

    assert values == [0.0, 1.799, 4.743, 11.92, 26.894, 50.0, 73.106, 88.08, 95.257, 98.201, 100.0]


@pytest.mark.parametrize(
    "text", ["10:0:1", "0:10:0", "0:10:-1", "0:1:0.00000001", "linear:5:1:3", "linear:0:9:1", "sigmoid:1"]
)
def test_a_range_that_is_none_is_refused(text: str) -> None:
    """Ranges that run backwards, stand still or never end are a slip."""
    with pytest.raises(UserError, match="needs"):
        expand(text)


@given(st.integers(0, 500), st.integers(1, 50), st.integers(0, 40))
def test_a_range_has_even_steps_and_both_ends(first: int, step: int, count: int) -> None:
    """FIRST:LAST:STEP is first, first + step, … up to last."""
    last = first + step * count

    assert [str(value) for value in range(first, last + 1, step)] == expand(f"{first}:{last}:{step}")


@pytest.mark.parametrize("value", [5, None, ["256"], {"a": 1}, 10**5000, True], ids=lambda value: type(value).__name__)
def test_an_option_that_is_no_text_is_one_line(value: object) -> None:
    """As a manifest written by hand may have it; `RunSettings.options` makes texts of numbers and lists."""
    with pytest.raises(UserError, match=r"option lengths=.*: expected a text"):
        load_benchmark("needle", {"lengths": value})  # type: ignore[dict-item]
