"""Scores cases with OpenCompass's own classes: `python opencompass_worker.py FOLDER CASES RESULTS`.

FOLDER holds the package `opencompass`. Its modules are loaded one by one beside stand-ins for the registry and the
base classes, so that none of its heavy dependencies is needed.
"""

import contextlib
import importlib
import io
import json
import pathlib
import sys
import types

folder, given, wanted = sys.argv[1:]


class Registry:
    """What decorates post-processors and evaluators."""

    @staticmethod
    def register_module(*_args, **_options):
        """A decorator that changes nothing."""
        return lambda registered: registered


class Base:
    """A base class that holds nothing."""


def stand_in(name, **content):
    """A module of the given content; as a package it finds its real submodules."""
    module = types.ModuleType(name)
    module.__path__ = [str(pathlib.Path(folder, *name.split(".")))]
    vars(module).update(content)
    sys.modules[name] = module


REGISTRIES = ("LOAD_DATASET", "TEXT_POSTPROCESSORS", "ICL_EVALUATORS")
stand_in("opencompass.registry", **dict.fromkeys(REGISTRIES, Registry))
stand_in("opencompass.utils", get_data_path=None)
stand_in("opencompass.utils.prompt", PromptList=list)
stand_in("opencompass.openicl", BaseEvaluator=Base)
stand_in("opencompass.openicl.icl_evaluator", BaseEvaluator=Base)
stand_in("opencompass.datasets.base", BaseDataset=Base)
for package in ("opencompass", "opencompass.datasets"):
    stand_in(package)
for package in ("leval", "longbench", "needlebench", "needlebench_v2"):
    stand_in(f"opencompass.datasets.{package}")
stand_in("datasets", Dataset=Base, load_dataset=None)

texts = importlib.import_module("opencompass.utils.text_postprocessors")
longbench = importlib.import_module("opencompass.datasets.longbench.evaluators")
leval = importlib.import_module("opencompass.datasets.leval.evaluators")
gsm100 = importlib.import_module("opencompass.datasets.leval.leval_gsm100")
first_lines = {
    "trec": importlib.import_module("opencompass.datasets.longbench.longbench_trec").trec_postprocess,
    "lsht": importlib.import_module("opencompass.datasets.longbench.longbench_lsht").lsht_postprocess,
    "samsum": importlib.import_module("opencompass.datasets.longbench.longbench_samsum").samsum_postprocess,
    "triviaqa": importlib.import_module("opencompass.datasets.longbench.longbench_trivia_qa").triviaqa_postprocess,
}


def needle(version, module, name):
    """An evaluator of NeedleBench."""
    return getattr(importlib.import_module(f"opencompass.datasets.{version}.{module}"), name)()


LISTS = {
    "hotpotqa": longbench.LongBenchF1Evaluator("en"),
    "triviaqa": longbench.LongBenchF1Evaluator("en"),
    "multifieldqa_zh": longbench.LongBenchF1Evaluator("zh"),
    "gov_report": longbench.LongBenchRougeEvaluator("en"),
    "samsum": longbench.LongBenchRougeEvaluator("en"),
    "vcsum": longbench.LongBenchRougeEvaluator("zh"),
    "dureader": longbench.LongBenchRougeEvaluator("zh"),
    "passage_count": longbench.LongBenchCountEvaluator(),
    "passage_retrieval_en": longbench.LongBenchRetrievalEvaluator("en"),
    "passage_retrieval_zh": longbench.LongBenchRetrievalEvaluator("zh"),
    "lcc": longbench.LongBenchCodeSimEvaluator(),
}
NEEDLES = {
    "single_en": ("origin", "NeedleBenchOriginEvaluator"),
    "multi_retrieval_en": ("parallel", "NeedleBenchParallelEvaluator"),
}
EXAMS = {  # prediction → what is compared, gold → what it is compared with
    "coursera": (texts.first_capital_postprocess_multi, str),
    "quality": (texts.first_capital_postprocess, lambda target: target[1]),
    "tpo": (texts.first_capital_postprocess, str),
    "gsm100": (gsm100.gsm100_postprocess, gsm100.gsm100_dataset_postprocess),
}


def score(case):
    """The official score of one case, 0-100."""
    task, text, targets = case["task"], case["prediction"], case["targets"]
    text = first_lines.get(task, str)(text)
    if task in EXAMS:
        read, read_gold = EXAMS[task]
        return 100.0 * (read(text) == read_gold(targets[0]))
    if task == "topic_retrieval_longchat":
        return leval.LEvalEMEvaluator().score([texts.general_postprocess(text)], targets)["score"]
    if task in ("trec", "lsht"):
        gold = [{"answers": targets, "all_classes": case["classes"]}]
        return longbench.LongBenchClassificationEvaluator().score([text], gold)["score"]
    if task in NEEDLES:
        result = needle(case["version"], *NEEDLES[task]).score([text], targets)
        return result.get("average_score", result.get("score"))
    return LISTS[task].score([text], [targets])["score"]


values = []
for case in json.loads(pathlib.Path(given).read_text(encoding="utf-8")):
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            values.append(score(case))
    except Exception as error:
        values.append(None)
        print(type(error).__name__, error, file=sys.stderr)  # noqa: T201
backend = "difflib" if "difflib" in longbench.fuzz.SequenceMatcher.__module__ else "levenshtein"
pathlib.Path(wanted).write_text(json.dumps({"values": values, "backend": backend}), encoding="utf-8")
