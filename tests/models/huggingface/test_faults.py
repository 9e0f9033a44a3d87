"""Which faults of a pass mean that memory is short."""

from __future__ import annotations

import pytest
import torch

from evalkit.models.huggingface._faults import FAULTS, Fault, is_out_of_memory


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."),
        RuntimeError("MPS backend out of memory (MPS allocated: 17.99 GB, other allocations: 1.2 GB)"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:124] . DefaultCPUAllocator: can't allocate memory: you tried to"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:80] data. DefaultCPUAllocator: not enough memory: you tried to"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
)
def test_lack_of_memory_is_known_by_kind_or_by_words(error: RuntimeError) -> None:
    """Backends raise plain RuntimeErrors for it."""
    assert is_out_of_memory(error)
    assert isinstance(error, FAULTS)


def test_what_torch_really_raises_on_a_cpu_is_known() -> None:
    """A tensor larger than any address space."""
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**58)

    assert is_out_of_memory(caught.value)


@pytest.mark.parametrize("error", [RuntimeError("shapes differ"), ValueError("out of memory"), IndexError("index")])
def test_other_faults_are_none_of_memory(error: Exception) -> None:
    """Less at once would not help them."""
    assert not is_out_of_memory(error)
    assert f"{type(error).__name__}: {error}" == Fault(error).reason
