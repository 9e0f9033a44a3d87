"""The run folder: its log of records, its manifest, what may be written there, and its repair."""

from ._joining import Joining, Misfit, survey, unjoined_note
from ._log import LOG, Damage, Recorded, cut_torn_line, misfit, misfit_refusal, read_records_of_run, torn_line
from ._manifest import MANIFEST, has_manifest, manifest_note, read_manifest, restore_manifest
from ._place import check_place, holds_files, listed
from ._records import DRAWS, LedgerRecord, Manifest, PromptEnds, SampleRecord, sample_record
from ._repair import Repair, repair_run
from ._shards import (
    PART,
    Part,
    digest_of_prompts,
    only_parts,
    part_folder,
    part_of,
    parts_in,
    run_of_part,
    sum_of_digests,
)
from ._store import RunStore, changes, conflict_with, continued, difference, is_being_written, run_lock

__all__ = [
    "DRAWS",
    "LOG",
    "MANIFEST",
    "PART",
    "Damage",
    "Joining",
    "LedgerRecord",
    "Manifest",
    "Misfit",
    "Part",
    "PromptEnds",
    "Recorded",
    "Repair",
    "RunStore",
    "SampleRecord",
    "changes",
    "check_place",
    "conflict_with",
    "continued",
    "cut_torn_line",
    "difference",
    "digest_of_prompts",
    "has_manifest",
    "holds_files",
    "is_being_written",
    "listed",
    "manifest_note",
    "misfit",
    "misfit_refusal",
    "only_parts",
    "part_folder",
    "part_of",
    "parts_in",
    "read_manifest",
    "read_records_of_run",
    "repair_run",
    "restore_manifest",
    "run_lock",
    "run_of_part",
    "sample_record",
    "sum_of_digests",
    "survey",
    "torn_line",
    "unjoined_note",
]
