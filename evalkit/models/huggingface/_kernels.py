"""Which of torch's attention kernels a pass takes on a GPU.

cuDNN's kernel makes a plan of every shape that it has not seen, and each token of an answer has a new one. On an H100
with torch 2.11 a plan took 65 ms, a prompt of 16,000 new tokens 0.18 s in place of 0.12 s, and a token of an answer
behind 32,000 others 80 ms in place of 18 ms. So cuDNN computes what is so long that a plan pays in one prompt.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["PLAN_PAYS", "without_plans"]

PLAN_PAYS = 1e14
"""Operations of attention in a pass from which cuDNN's kernel with a new plan is faster than flash attention without:
at 5e13 it took 0.05 s less, at 2e14 0.23 s, for plans of 0.09 s (`tests/performance/bench_suffix_prefill.py`)."""


@contextmanager
def without_plans() -> Iterator[None]:
    """Within it attention takes no kernel that makes plans; of the whole process, so not for several threads."""
    from torch.backends import cuda

    before = cuda.cudnn_sdp_enabled()  # type: ignore[no-untyped-call]
    cuda.enable_cudnn_sdp(False)
    try:
        yield
    finally:
        cuda.enable_cudnn_sdp(before)
