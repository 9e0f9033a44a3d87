"""Runs: what was asked for, what is recorded, and the loop between."""

from evalkit.settings import RunSettings, read_settings

from ._log import LOG, Damage, misfit, misfit_refusal, read_records_of_run, torn_line
from ._manifest import MANIFEST, manifest_note, read_manifest, restore_manifest
from ._monitor import Monitor, SilentMonitor, StageMonitor, tell
from ._place import check_place, holds_files, listed
from ._records import LedgerRecord, Manifest, SampleRecord
from ._repair import Repair, repair_run
from ._runner import RunOutcome, execute, plan_session
from ._session import Job, Session, check_live, of_several, open_session
from ._store import RunStore, conflict_with

__all__ = [
    "LOG",
    "MANIFEST",
    "Damage",
    "Job",
    "LedgerRecord",
    "Manifest",
    "Monitor",
    "Repair",
    "RunOutcome",
    "RunSettings",
    "RunStore",
    "SampleRecord",
    "Session",
    "SilentMonitor",
    "StageMonitor",
    "check_live",
    "check_place",
    "conflict_with",
    "execute",
    "holds_files",
    "listed",
    "manifest_note",
    "misfit",
    "misfit_refusal",
    "of_several",
    "open_session",
    "plan_session",
    "read_manifest",
    "read_records_of_run",
    "read_settings",
    "repair_run",
    "restore_manifest",
    "tell",
    "torn_line",
]
