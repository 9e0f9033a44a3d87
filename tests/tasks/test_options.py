"""Options of a benchmark: defaults, what is identity, and what a run that goes on unites."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.errors import UserError
from evalkit.tasks import BenchmarkSpec, join_options, load_benchmark, load_benchmarks, option_identity, resolve_options
from evalkit.tasks._options import option_number, option_numbers


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
