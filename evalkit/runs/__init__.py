"""Runs: what was asked for, what is recorded, and the loop between."""

from evalkit.settings import RunSettings, read_settings

from ._monitor import Monitor, SilentMonitor
from ._records import LedgerRecord, Manifest, SampleRecord
from ._runner import RunOutcome, execute, plan_session
from ._session import Job, Session, check_live, of_several, open_session
from ._store import RunStore, conflict_with, read_manifest, read_records_of_run

__all__ = [
    "Job",
    "LedgerRecord",
    "Manifest",
    "Monitor",
    "RunOutcome",
    "RunSettings",
    "RunStore",
    "SampleRecord",
    "Session",
    "SilentMonitor",
    "check_live",
    "conflict_with",
    "execute",
    "of_several",
    "open_session",
    "plan_session",
    "read_manifest",
    "read_records_of_run",
    "read_settings",
]
