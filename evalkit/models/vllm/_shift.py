"""Positions moved request by request, inside an engine's workers: where each reads the rotary table.

Several RoPE settings stand below each other in one table, as many rows each as the window has positions. A request
under the third of them reads the table two windows further down. Its positions are moved right before the model runs
and moved back behind it, so that nothing else sees them moved: slots of keys and values, masks and lengths were
computed before. vLLM keeps them in a buffer that compiled models and CUDA graphs read, and that is what is changed.

The place is `GPUModelRunner._model_forward` of vLLM's first model runner (0.32, `v1/worker/gpu_model_runner.py`; the
runners of CPUs and other devices inherit it), which every batch of requests goes through and no warm-up does.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

__all__ = ["FIRST_ROW", "shift_positions"]

FIRST_ROW = "evalkit_first_row"
"""Name in a request's `extra_args` of the row that its position 0 reads; absent = 0."""

_NEEDED = ("_model_forward", "input_batch", "query_start_loc", "requests", "uses_mrope")


def shift_positions(worker: Any) -> str | None:
    """Let a worker's model see each request's positions `FIRST_ROW` further on; why it cannot, None where it does."""
    runner = worker.model_runner
    missing = next((name for name in _NEEDED if not hasattr(runner, name)), None)
    if missing is not None:
        return f"its {type(runner).__module__}.{type(runner).__name__} has no {missing}"
    if runner.uses_mrope or getattr(runner, "uses_xdrope_dim", 0):
        return "its positions have several dimensions"
    if not isinstance(runner._model_forward, functools.partial):  # once for each engine
        runner._model_forward = functools.partial(_forward, runner, runner._model_forward)
    return None


def _forward(runner: Any, forward: Any, /, **inputs: Any) -> Any:
    """What `forward` returns for a batch whose positions are moved as long as it runs."""
    rows = _first_rows(runner)
    if rows is None:
        return forward(**inputs)
    positions = inputs["positions"][: len(rows)]  # behind them is padding
    rows = rows.to(positions.device)
    positions += rows
    try:
        return forward(**inputs)
    finally:
        positions -= rows


def _first_rows(runner: Any) -> torch.Tensor | None:
    """The first row of each token of the batch at hand; None where all read the table from its top."""
    import numpy as np
    import torch

    names = runner.input_batch.req_ids
    first = [(runner.requests[name].sampling_params.extra_args or {}).get(FIRST_ROW, 0) for name in names]
    if not any(first):
        return None
    tokens = np.diff(runner.query_start_loc.np[: len(names) + 1])
    return torch.from_numpy(np.repeat(np.array(first, dtype=np.int64), tokens))
