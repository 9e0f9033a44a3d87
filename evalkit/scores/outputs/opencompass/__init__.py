"""OpenCompass's outputs: the files that it writes, one data set per task, and NeedleBench's."""

from ._files import model_folder, parts_by_name
from ._needlebench import needlebench_files, needlebench_rows, needlebench_sets
from ._tasks import abbreviations, as_stored, opencompass_files, opencompass_rows

__all__ = [
    "abbreviations",
    "as_stored",
    "model_folder",
    "needlebench_files",
    "needlebench_rows",
    "needlebench_sets",
    "opencompass_files",
    "opencompass_rows",
    "parts_by_name",
]
