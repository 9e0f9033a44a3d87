"""Runs: what was asked for, what is recorded, and the loop between."""

from evalkit.settings import RunSettings, read_settings

from ._identity import environment
from ._model import resolve_model
from ._monitor import Monitor, SilentMonitor, StageMonitor, tell
from ._rotary import named_as_spec, recorded_rotation, rope_facts, rope_model
from ._runner import RunOutcome, execute, plan_session
from ._session import Job, Session, check_live, of_several, open_model, open_session
from ._several import SeveralRuns
from .folder import (
    LOG,
    MANIFEST,
    Damage,
    LedgerRecord,
    Manifest,
    Repair,
    RunStore,
    SampleRecord,
    check_place,
    conflict_with,
    cut_torn_line,
    holds_files,
    is_being_written,
    listed,
    manifest_note,
    misfit,
    misfit_refusal,
    read_manifest,
    read_records_of_run,
    repair_run,
    restore_manifest,
    run_lock,
    torn_line,
)

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
    "SeveralRuns",
    "SilentMonitor",
    "StageMonitor",
    "check_live",
    "check_place",
    "conflict_with",
    "cut_torn_line",
    "environment",
    "execute",
    "holds_files",
    "is_being_written",
    "listed",
    "manifest_note",
    "misfit",
    "misfit_refusal",
    "named_as_spec",
    "of_several",
    "open_model",
    "open_session",
    "plan_session",
    "read_manifest",
    "read_records_of_run",
    "read_settings",
    "recorded_rotation",
    "repair_run",
    "resolve_model",
    "restore_manifest",
    "rope_facts",
    "rope_model",
    "run_lock",
    "tell",
    "torn_line",
]
