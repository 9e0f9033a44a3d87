"""Which class reads a tokenizer: the tables are those of the installed transformers."""

from __future__ import annotations

from evalkit.prompts import _backend_class as ours


def test_the_registered_classes_are_those_of_transformers() -> None:
    """Of every model type named here; others are asked of transformers itself."""
    from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING_NAMES as THEIRS

    assert dict.fromkeys(ours.AS_IT_IS, "TokenizersBackend") == {kind: THEIRS[kind] for kind in ours.AS_IT_IS}
    assert ours._REGISTERED == {kind: THEIRS[kind] for kind in ours._REGISTERED}
    assert set() == ours._UNREGISTERED & set(THEIRS)


def test_the_types_whose_files_are_overruled_are_those_of_transformers() -> None:
    """Their registered class reads them, whatever class the file names."""
    from transformers.models.auto.tokenization_auto import MODELS_WITH_INCORRECT_HUB_TOKENIZER_CLASS as THEIRS

    assert ours._WHATEVER_THE_FILE_NAMES == THEIRS & set(ours._REGISTERED)


def test_the_names_whose_files_are_overruled_are_those_of_transformers() -> None:
    """A folder may be called as they are."""
    from transformers.models.auto.tokenization_auto import MODEL_IDS_TO_TOKENIZERS_BACKEND as THEIRS

    assert tuple(THEIRS) == ours.OVERRULED_NAMES


def test_code_of_a_repository_is_left_to_transformers() -> None:
    """It alone knows whether it may run."""
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "auto_map": {"AutoTokenizer": ["a.B", None]}}

    assert ours.backend_class({"model_type": "llama"}, config) is None
