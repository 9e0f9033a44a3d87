"""Scores cases with LongBench's own `eval.py`: `python longbench_worker.py CHECKOUT/LongBench CASES RESULTS`.

Run as a script, and the loop stays at its top level, because ROUGE-L's recursion limit counts the frames above.
"""

import json
import pathlib
import sys

folder, given, wanted = sys.argv[1:]
sys.path.insert(0, folder)
import eval as official  # noqa: E402
from fuzzywuzzy import fuzz  # noqa: E402

official.round = lambda value, _digits: value  # it prints two decimals
backend = "difflib" if "difflib" in fuzz.SequenceMatcher.__module__ else "levenshtein"
values = []
for case in json.loads(pathlib.Path(given).read_text(encoding="utf-8")):
    try:
        values.append(official.scorer(case["task"], [case["prediction"]], [case["targets"]], case["classes"]))
    except Exception as error:
        values.append(None)
        print(type(error).__name__, error, file=sys.stderr)  # noqa: T201
pathlib.Path(wanted).write_text(json.dumps({"values": values, "backend": backend}), encoding="utf-8")
