"""Parts become a run: what is taken, what is missed, what is refused; and nothing is lost when it is killed."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import DataError, RunConflictError, UserError
from evalkit.models import Completion, GenerationRequest
from evalkit.prompts import digest_ids
from evalkit.rope import RopeSetting
from evalkit.runs import RunOutcome, RunStore, _merge, merge_runs, only_parts, read_manifest
from evalkit.runs import read_records_of_run as read

Start = Callable[..., RunOutcome]

ALL = 48  # samples of the toy benchmark


class Salted:
    """A model whose answers depend on a word, as those of two machines may; some prompts are answered the same."""

    name = "fake"

    def __init__(self, salt: str, stop_after: int | None = None, device: str = "none") -> None:
        self.asked = 0
        self.engine_info = {"device": device}
        self._salt, self._stop_after, self._seconds = salt, stop_after, ord(salt) / 100

    def generate(self, rope: RopeSetting, requests: Sequence[GenerationRequest]) -> Iterator[Completion]:  # noqa: ARG002
        for request in requests:
            if self.asked == self._stop_after:
                raise KeyboardInterrupt
            self.asked += 1
            digest = digest_ids(request.ids)
            salt = self._salt if digest[0] in "01234567" else "same"
            yield Completion(request.index, text=f"{digest[:6]} {salt}", output_tokens=4, seconds=self._seconds)

    def close(self) -> None:
        """Nothing to give back."""


def lines(folder: Path) -> list[bytes]:
    return (folder / "samples.jsonl").read_bytes().splitlines(keepends=True)


@pytest.fixture
def parts(start: Start, bare: Path) -> Path:
    """A run whose two parts are answered."""
    for index in (1, 2):
        start(Salted("a"), shard=f"{index}/2")
    return bare / "run"


def test_records_keep_their_bytes_and_parts_stay(parts: Path) -> None:
    """The log is that of one part behind that of the other; joining again adds nothing."""
    before = [*lines(parts / "shards/1-of-2"), *lines(parts / "shards/2-of-2")]

    merged, again = merge_runs([parts]), merge_runs([parts])

    assert before == lines(parts)
    assert (ALL, 0, ALL) == (merged.joined, again.joined, again.answered)
    assert before == [*lines(parts / "shards/1-of-2"), *lines(parts / "shards/2-of-2")]
    assert "part" not in read_manifest(parts).settings


def _merge_and_die(run: Path, after: int, torn: int) -> None:
    """Joins parts until the next record would be stored; of that one only some bytes are."""
    stored = 0
    write = RunStore._write

    def dying(store: RunStore, line: bytes, record: Any) -> None:
        nonlocal stored
        if stored == after:
            with (store.folder / "samples.jsonl").open("ab") as stream:
                stream.write(line[:torn])
            os.kill(os.getpid(), signal.SIGKILL)
        stored += 1
        write(store, line, record)

    RunStore._write = dying  # type: ignore[method-assign]
    merge_runs([run])


@pytest.mark.parametrize("kills", [[(0, 0)], [(0, 9), (3, 0), (11, 40), (33, 1)], [(47, 200)]])
def test_a_merge_that_was_killed_ends_like_one_that_was_not(parts: Path, kills: list[tuple[int, int]]) -> None:
    """kill -9 between records and inside one, as often as one likes."""
    shutil.copytree(parts, parts.with_name("calm"))
    merge_runs([parts.with_name("calm")])
    context = multiprocessing.get_context("fork")

    for after, torn in kills:
        process = context.Process(target=_merge_and_die, args=(parts, after, torn))
        process.start()
        process.join()
        assert -signal.SIGKILL == process.exitcode
    merge_runs([parts])

    assert lines(parts.with_name("calm")) == lines(parts)


def test_two_merges_to_one_new_folder_take_each_record_once(parts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither finds the folder when it looks."""
    survey = _merge.survey

    def slow(*arguments: Any) -> Any:
        monkeypatch.undo()
        found = survey(*arguments)
        merge_runs([parts], parts.with_name("new"))
        return found

    monkeypatch.setattr(_merge, "survey", slow)
    merged = merge_runs([parts], parts.with_name("new"))

    assert (0, ALL) == (merged.joined, len(lines(parts.with_name("new"))))


def test_a_merge_that_a_full_disk_stopped_goes_on_elsewhere(parts: Path) -> None:
    """An empty log is all that was stored: the folder holds parts alone, as before."""
    (parts / "samples.jsonl").touch()

    assert "only parts of a run so far" in str(only_parts(parts))
    assert ALL == merge_runs([parts], parts.with_name("new")).answered
    assert ALL == merge_runs([parts]).answered


def test_parts_of_two_machines_become_a_run_elsewhere(start: Start, bare: Path) -> None:
    """Named by the folders that hold them, or one by one; a new folder is made."""
    start(Salted("a"), shard="1/2", out=bare / "a")
    start(Salted("a"), shard="2/2", out=bare / "b")

    merged = merge_runs([bare / "a", bare / "b/shards/2-of-2"], bare / "run")

    assert (2, ALL, ()) == (merged.sources, merged.joined, merged.missing)
    assert not (bare / "a/samples.jsonl").exists()


def test_whole_runs_of_other_samples_become_one(start: Start, bare: Path) -> None:
    """Other tasks of the same run; the plain run that follows asks the rest."""
    start(Salted("a"), out=bare / "a", tasks=("sagas",), limit=3)
    start(Salted("a"), out=bare / "b", tasks=("tales",))

    merged = merge_runs([bare / "b", bare / "a"], bare / "run")

    settings = read_manifest(bare / "run").settings
    assert (27, (), ["tales", "sagas"], None) == (merged.joined, merged.missing, settings["tasks"], settings["limit"])
    assert ALL - 27 == start(Salted("a")).finished


def test_a_step_answered_twice_counts_once(start: Start, bare: Path) -> None:
    """Two ways to cut: 1/2 on one machine, 2/3 and the rest on another; how many there are and differ is said."""
    start(Salted("a"), shard="1/2", out=bare / "a")
    for index in (1, 2, 3):
        start(Salted("b"), shard=f"{index}/3", out=bare / "b")

    merged = merge_runs([bare / "a", bare / "b"], bare / "run")

    ours = {record.key: record.text for record in read(bare / "a/shards/1-of-2")}
    joined = {record.key: record.text for record in read(bare / "run")}
    differ = sum(text.endswith(" a") for text in ours.values())
    assert 0 < differ < len(ours)
    assert (ALL, ALL) == (len(joined), merged.joined)
    assert joined.items() >= ours.items()
    assert f"{len(ours)} steps answered twice, the first answer counts ({differ} of them differ)" in merged.notes
    assert () == merged.missing


def test_later_steps_go_with_the_answer_that_they_follow_from(start: Start, bare: Path) -> None:
    """A second step is not put behind another first one: the plain run asks it again, and nothing is in its way."""
    with pytest.raises(KeyboardInterrupt):
        start(Salted("a", stop_after=ALL), protocol="chain", out=bare / "a")
    start(Salted("b"), protocol="chain", out=bare / "b")

    merged = merge_runs([bare / "a", bare / "b"], bare / "run")
    texts = {record.key: record.text for record in read(bare / "run")}
    differ = sum(text.endswith(" a") for text in texts.values())
    outcome = start(Salted("a"), protocol="chain")

    assert 0 < differ < ALL
    assert 2 * ALL - differ == len(texts)
    line = f"{differ} later steps followed from answers that do not count; the same `evalkit run` asks again"
    assert (f"{bare / 'run'}: {line}",) == merged.missing
    assert differ == outcome.finished


def test_later_steps_in_a_part_follow_from_its_run(start: Start, bare: Path) -> None:
    """Whose first answers do not count, so that they are left out, and asked again."""
    for name in ("a", "b"):
        with pytest.raises(KeyboardInterrupt):
            start(Salted(name, stop_after=ALL), protocol="chain", out=bare / name)
    for index in (1, 2):
        start(Salted("a"), protocol="chain", out=bare / "a", shard=f"{index}/2")

    merged = merge_runs([bare / "b", bare / "a"], bare / "run")

    differ = sum(str(record.text).endswith(" b") for record in read(bare / "b"))
    assert 2 * ALL - differ == len(lines(bare / "run"))
    assert f"{differ} later steps followed from answers that do not count" in merged.missing[0]
    assert differ == start(Salted("b"), protocol="chain").finished


def test_what_is_missing_is_named(start: Start, bare: Path) -> None:
    """Parts never run and parts that were stopped; what is there is joined."""
    with pytest.raises(KeyboardInterrupt):
        start(Salted("a", stop_after=5), shard="1/3")
    start(Salted("a"), shard="3/3")
    part = bare / "run/shards/1-of-3"
    prompts = read_manifest(part).settings["part"]["prompts"]

    merged = merge_runs([bare / "run"])

    assert (
        f"{part}: part 1 of 3 is unfinished, {prompts - 5} of its {prompts} prompts have no answer; "
        "the same command goes on",
        f"{bare / 'run'}: part 2 of 3 was never run",
    ) == merged.missing
    assert len(lines(bare / "run")) == merged.joined == 5 + len(lines(bare / "run/shards/3-of-3"))
    start(Salted("a"))
    assert () == merge_runs([bare / "run"]).missing


def test_a_part_that_was_stopped_between_steps_is_missed(start: Start, bare: Path) -> None:
    """All first steps are answered, and not all second ones."""
    start(Salted("a"), shard="2/2", protocol="chain")
    first = len(lines(bare / "run/shards/2-of-2")) // 2
    with pytest.raises(KeyboardInterrupt):
        start(Salted("a", stop_after=ALL - first + 2), shard="1/2", protocol="chain")

    merged = merge_runs([bare / "run"])

    part = bare / "run/shards/1-of-2"
    assert (
        f"{part}: part 1 of 2 is unfinished, later steps have no answer; the same command goes on",
    ) == merged.missing


def test_a_run_that_asked_the_later_steps_misses_no_part(start: Start, bare: Path) -> None:
    """The part was stopped, and the plain run went on; parts of more samples are missed all the same."""
    with pytest.raises(KeyboardInterrupt):
        start(Salted("a", stop_after=6), shard="1/2", protocol="chain", limit=4)
    start(Salted("a"), protocol="chain", limit=4)

    assert () == merge_runs([bare / "run"]).missing
    start(Salted("a"), protocol="chain", limit=2)
    assert () == merge_runs([bare / "run"]).missing
    start(Salted("a"), shard="1/2", protocol="chain")
    assert (f"{bare / 'run'}: part 2 of 2 was never run",) == merge_runs([bare / "run"]).missing


@pytest.mark.parametrize("kept", [0, 5, -1])
def test_a_part_that_was_copied_by_half_is_missed(parts: Path, kept: int) -> None:
    """Its manifest says that it ended, and its log has less; the same command goes on."""
    log = parts / "shards/1-of-2/samples.jsonl"
    whole = log.read_bytes().splitlines(keepends=True)
    left = len(whole) - len(whole[:kept])
    log.write_bytes(b"".join(whole[:kept]) + whole[kept][:9])

    merged = merge_runs([parts], parts.with_name("joined"))

    line = f"{left} of its {len(whole)} prompts have no answer; the same command goes on"
    assert (f"{log.parent}: part 1 of 2 is unfinished, {line}",) == merged.missing


def test_parts_without_the_run_that_has_the_rest_are_no_whole(start: Start, bare: Path) -> None:
    """They asked nothing that it had answered, so it must be joined too."""
    start(Salted("a"), limit=10)
    for index in (1, 2):
        start(Salted("a"), shard=f"{index}/2")
    folders = [bare / f"run/shards/{index}-of-2" for index in (1, 2)]

    alone, together = merge_runs(folders, bare / "alone"), merge_runs([bare / "run"], bare / "together")

    assert (ALL - 20, ALL) == (alone.answered, together.answered)
    assert "prompts that its parts left to the run beside them are in none of these folders" in alone.missing[0]
    assert () == together.missing
    assert () == merge_runs(folders, bare / "run").missing


def test_parts_of_two_selections_are_told_apart(start: Start, bare: Path) -> None:
    """One part knows four samples, the other one all."""
    start(Salted("a"), shard="1/2", limit=2)
    start(Salted("a"), shard="2/2")

    merged = merge_runs([bare / "run"])

    assert (
        f"{bare / 'run/shards/1-of-2'}: part 1 of 2 was cut from another selection (4 prompts, not 48); answer it anew "
        "with the settings of the others",
    ) == merged.missing
    start(Salted("a"), shard="1/2")
    assert ((), ALL) == ((merged := merge_runs([bare / "run"])).missing, merged.answered)


def test_parts_that_were_cut_in_two_ways_are_no_whole(
    start: Start, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by two releases that cut otherwise: every part has ended, and prompts are in none of them."""
    from evalkit.runs import _shard

    start(Salted("a"), shard="1/2")
    monkeypatch.setattr(_shard, "shard_of", lambda plan, *_: frozenset(range(0, len(plan.prompts), 3)))
    start(Salted("a"), shard="2/2")

    merged = merge_runs([bare / "run"])

    assert merged.answered < ALL
    assert (f"{bare / 'run'}: its 2 parts were cut in different ways; the same `evalkit run` answers the rest",) == (
        merged.missing
    )


def test_engines_and_libraries_that_differ_are_said(start: Start, bare: Path) -> None:
    """Once for each difference, however many parts have it."""
    for index in (1, 2, 3):
        start(Salted("a", device="old" if index == 1 else "new"), shard=f"{index}/3")

    notes = merge_runs([bare / "run"]).notes

    place = bare / "run/shards/2-of-3"
    assert (f"{place} and 1 other part: device changed since this run began: old → new",) == notes


def _flip(part: Path) -> None:
    log = part / "samples.jsonl"
    log.write_bytes(log.read_bytes().replace(b'"text": "', b'"text": "!', 1))


def _zero(part: Path) -> None:
    for name in ("run.json", "run.copy.json"):
        (part / name).write_bytes(b"\0" * 100)


def _remove_manifest(part: Path) -> None:
    for name in ("run.json", "run.copy.json"):
        (part / name).unlink()


def _rewrite(part: Path, change: Callable[[dict[str, Any]], None]) -> None:
    said = json.loads((part / "run.json").read_text("utf-8"))
    del said["crc32"]
    change(said)
    (part / "run.json").write_text(json.dumps(said), "utf-8")


def _other_weights(part: Path) -> None:
    _rewrite(part, lambda said: said["identity"].update(weights="other"))


def _foreign_records(part: Path) -> None:
    _rewrite(part, lambda said: said.update(identity_digest="0" * 16))


def _no_part(part: Path) -> None:
    _rewrite(part, lambda said: said["settings"].update(part={"index": -1}))


def _other_prompt(part: Path) -> None:
    other = part.with_name("2-of-2") / "samples.jsonl"
    record = json.loads((part / "samples.jsonl").read_bytes().splitlines()[0])
    del record["crc32"]
    with other.open("ab") as stream:
        stream.write(json.dumps(record | {"prompt_sha256": "0" * 64}).encode() + b"\n")


@pytest.mark.parametrize(
    ("mutate", "error", "match"),
    [
        (_flip, DataError, r"1-of-2/samples.jsonl:1: .*checksum.*repair it: evalkit repair .*1-of-2$"),
        (_zero, DataError, r"1-of-2/run.json: damaged \(empty\), and there is no whole run.copy.json"),
        (_remove_manifest, DataError, r"1-of-2: not a run folder \(it has no run.json\)"),
        (_other_weights, RunConflictError, r"2-of-2: is of a run with another weights \(.*1-of-2 has other\)"),
        (_foreign_records, DataError, r"1-of-2/samples.jsonl:1: .*another identity"),
        (_no_part, DataError, r"1-of-2/run.json: settings.part.index: .*the same `evalkit run --shard` mends it"),
        (_other_prompt, RunConflictError, r"2-of-2/samples.jsonl: .* was answered for another prompt than in .*1-of-2"),
    ],
)
def test_damaged_and_foreign_parts_are_named_and_nothing_is_written(
    parts: Path, mutate: Callable[[Path], None], error: type[Exception], match: str
) -> None:
    """Neither into the run's own folder nor into a new one."""
    mutate(parts / "shards/1-of-2")
    for out in (None, parts.with_name("new")):
        with pytest.raises(error, match=match):
            merge_runs([parts], out)
    assert not (parts / "samples.jsonl").exists()
    assert not parts.with_name("new").exists()


def test_folders_that_hold_no_parts_are_refused(start: Start, bare: Path) -> None:
    """A whole run, an empty folder, none at all, several without a place for their run."""
    start(Salted("a"), limit=1)
    (bare / "empty").mkdir()
    for folders, out, match in (
        (["run"], None, "run: has no parts to join"),
        (["empty"], None, "empty: has no parts to join"),
        (["run", "empty"], "new", "empty: no run, and no parts of one in it"),
        (["none"], None, "none: no such folder"),
        (["run", "empty"], None, "name it with --out"),
    ):
        with pytest.raises(UserError, match=match):
            merge_runs([bare / each for each in folders], None if out is None else bare / out)
    assert not (bare / "new").exists()


def test_a_run_is_not_joined_to_another_one(start: Start, parts: Path, bare: Path) -> None:
    """Whose records stay as they are."""
    start(Salted("a"), out=bare / "other", rope="linear:2", limit=1)
    before = lines(bare / "other")
    with pytest.raises(RunConflictError, match=r"other: holds a run with another rope \(linear:2, now native\)"):
        merge_runs([parts], bare / "other")
    assert before == lines(bare / "other")
