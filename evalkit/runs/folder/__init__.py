"""The run folder: its log of records, its manifest, what may be written there, and its repair."""

from ._log import LOG, Damage, Recorded, cut_torn_line, misfit, misfit_refusal, read_records_of_run, torn_line
from ._manifest import MANIFEST, has_manifest, manifest_note, read_manifest, restore_manifest
from ._place import check_place, holds_files, listed
from ._records import DRAWS, LedgerRecord, Manifest, PromptEnds, SampleRecord, sample_record
from ._repair import Repair, repair_run
from ._store import RunStore, conflict_with, is_being_written, run_lock

__all__ = [
    "DRAWS",
    "LOG",
    "MANIFEST",
    "Damage",
    "LedgerRecord",
    "Manifest",
    "PromptEnds",
    "Recorded",
    "Repair",
    "RunStore",
    "SampleRecord",
    "check_place",
    "conflict_with",
    "cut_torn_line",
    "has_manifest",
    "holds_files",
    "is_being_written",
    "listed",
    "manifest_note",
    "misfit",
    "misfit_refusal",
    "read_manifest",
    "read_records_of_run",
    "repair_run",
    "restore_manifest",
    "run_lock",
    "sample_record",
    "torn_line",
]
