"""Labels as vLLM's own classes compute them, and the formulas that stand in where there is no vLLM, held against it."""

from __future__ import annotations

import pytest

from evalkit.models import _rope_labels, rope_labels
from evalkit.models.vllm._own_rule import own_rotation
from evalkit.rope import RopeModel, engine_setting, parse_rope

LENGTHS, WINDOW = (1000, 32768), 32768
MODEL = RopeModel(10000.0, 4096, 128)
SPECS = ["none", "base:320000", "linear:8", "dynamic:8", "dynamic:2", "yarn:8", "llama3:8"]


@pytest.mark.parametrize("spec", SPECS)
def test_the_formula_is_what_vllm_computes(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In all numbers that a row shows, at every length."""
    computed = [row for row in rope_labels(parse_rope(spec), LENGTHS, MODEL, WINDOW) if row.engine == "vllm"]
    monkeypatch.setattr(_rope_labels, "_version", lambda _: None)
    formula = [row for row in rope_labels(parse_rope(spec), LENGTHS, MODEL, WINDOW) if row.engine == "vllm"]

    for ours, theirs in zip(formula, computed, strict=True):
        assert theirs.how.startswith("computed by vLLM 0.")
        assert "formula of vLLM 0.32" == ours.how
        for name in ("multiplier", "base", "scale", "fastest", "slowest"):
            assert getattr(theirs, name) == pytest.approx(getattr(ours, name), rel=1e-5), name


@pytest.mark.parametrize("spec", SPECS)
def test_it_is_the_rotation_that_vllm_builds(spec: str) -> None:
    """Of the embedding that `get_rope` makes, as an engine does, from what the engine would be told."""
    import math

    from vllm.config import VllmConfig, set_current_vllm_config
    from vllm.model_executor.layers.rotary_embedding import get_rope

    from evalkit.models import own_overrides

    setting = engine_setting(parse_rope(spec), MODEL, "vllm", WINDOW)
    told = own_overrides(setting, WINDOW)
    with set_current_vllm_config(VllmConfig()):
        built = get_rope(128, told["max_position_embeddings"], True, told["rope_parameters"])
    row = built.cos_sin_cache[1].tolist()

    found = own_rotation(setting, 128, WINDOW)

    assert WINDOW == len(built.cos_sin_cache)
    angles = [math.atan2(sine, cosine) for cosine, sine in zip(row[:64], row[64:], strict=True)]
    assert angles == pytest.approx(found.frequencies, rel=1e-6)
    assert math.hypot(row[0], row[64]) == pytest.approx(found.scale, rel=1e-6)
