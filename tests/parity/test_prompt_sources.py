"""The pinned OpenCompass wheel, as pip downloads it, says what the published protocols say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from evalkit.data import DatasetConfig, dataset_configs, locate, read_wheel_text, source, verify_upstream
from evalkit.errors import DataError

# max_out_len by OpenCompass abbreviation: facts of the release, checked so that a reading mistake shows.
LIMITS = {
    10: ("coursera", "quality", "tpo"),
    30: ("topic_retrieval",),
    50: ("narrativeqa", "nq"),
    64: ("multidocqa", "scientificqa"),
    128: ("legal_contract_qa",),
    512: (
        "financialqa",
        "gov_report_summ",
        "gsm100",
        "meeting_summ",
        "news_summ",
        "paper_assistant",
        "patent_summ",
        "review_summ",
        "tvshow_summ",
    ),
}
CLOSED = {"LEval_coursera", "LEval_gsm100", "LEval_quality", "LEval_topic_retrieval", "LEval_tpo"}


@pytest.fixture(scope="module", autouse=True)
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The wheel, obtained as a user's first run obtains it, in a cache of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVALKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        pinned = source("opencompass")
        try:
            located = locate(pinned, pinned.files[0].path)
        except DataError as error:
            if "pip cannot download" not in str(error):
                raise
            pytest.skip(f"no wheel at hand and no package index: {error}")
        yield located.path


@pytest.fixture
def leval() -> dict[str, DatasetConfig]:
    """The configurations of L-Eval."""
    return dataset_configs("leval")


def test_there_are_eighteen_l_eval_tasks_with_their_limits(leval: dict[str, DatasetConfig]) -> None:
    """Abbreviations and generation lengths are the published ones."""
    expected = {f"LEval_{name}": limit for limit, names in LIMITS.items() for name in names}

    found = {abbr: config.max_new_tokens for abbr, config in leval.items()}

    assert 18 == len(expected)
    assert expected == found


def test_l_eval_prompts_have_one_system_one_human_and_one_empty_bot_turn(leval: dict[str, DatasetConfig]) -> None:
    """The shape holds for every task; only gsm100 has no BOT turn."""
    for abbr, config in leval.items():
        tail = [] if abbr == "LEval_gsm100" else ["BOT"]
        assert [("SYSTEM", "HUMAN")] == [(turn.role, turn.fallback_role) for turn in config.begin]
        assert ["HUMAN", *tail] == [turn.role for turn in config.round]
        assert [""] * len(tail) == [turn.prompt for turn in config.round[1:]]


def test_l_eval_placeholders_are_the_input_columns(leval: dict[str, DatasetConfig]) -> None:
    """The question prompt names every column it declares; only open tasks have a length."""
    for abbr, config in leval.items():
        columns = {"context", "question"} | (set() if abbr in CLOSED else {"length"})
        assert columns == set(config.input_columns)
        assert all("{" + column + "}" in config.round[0].prompt for column in columns)
        assert "answer" == config.output_column


def test_l_eval_evaluators_are_the_published_ones(leval: dict[str, DatasetConfig]) -> None:
    """Closed tasks: equality, topic_retrieval: containment; open tasks: ROUGE without post-processing."""
    cleaners = {
        "LEval_coursera": "first_capital_postprocess_multi",
        "LEval_gsm100": "gsm100_postprocess",
        "LEval_quality": "first_capital_postprocess",
        "LEval_topic_retrieval": "general_postprocess",
        "LEval_tpo": "first_capital_postprocess",
    }
    evaluators = dict.fromkeys(CLOSED, "AccEvaluator") | {"LEval_topic_retrieval": "LEvalEMEvaluator"}

    for abbr, config in leval.items():
        assert evaluators.get(abbr, "RougeEvaluator") == config.evaluator
        assert cleaners.get(abbr) == config.pred_postprocessor
        assert (abbr == "LEval_gsm100") == (config.dataset_postprocessor == "gsm100_dataset_postprocess")


def test_l_eval_task_names_are_the_names_of_the_pinned_files(leval: dict[str, DatasetConfig]) -> None:
    """Each configuration finds its file; codeU and sci_fi exist only in L-Eval itself."""
    files = {Path(file.path).stem for file in source("leval").files}

    assert files - {"codeU", "sci_fi"} == {config.name for config in leval.values()}


@pytest.mark.parametrize(("collection", "tasks"), [("leval", 18), ("longbench", 21), ("longbenchv2", 1)])
def test_each_collection_is_complete(collection: str, tasks: int) -> None:
    """The number of tasks is the release's."""
    configs = dataset_configs(collection)

    assert tasks == len(configs)
    assert all(config.round and config.evaluator for config in configs.values())


def test_what_is_cached_equals_the_wheel() -> None:
    """`verify_upstream` finds no difference once every collection has been read."""
    for collection in ("leval", "longbench", "longbenchv2"):
        dataset_configs(collection)

    assert ["ok"] * 3 == [check.state for check in verify_upstream()]


def test_a_module_of_the_wheel_can_be_read_as_text() -> None:
    """The loader of the needle test is there for later parsing."""
    assert "class NeedleBenchOriginDataset" in read_wheel_text("opencompass/datasets/needlebench/origin.py")
