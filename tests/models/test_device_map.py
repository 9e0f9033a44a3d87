"""`--device-map` where there is nothing to spread layers over, or nothing that does it."""

from __future__ import annotations

import pytest
import torch

from evalkit.errors import UserError
from evalkit.models import _device_map as module
from evalkit.models import check_device_map


@pytest.mark.parametrize(
    ("has_accelerate", "is_there", "problem"),
    [
        (False, True, r"--device-map auto needs 'accelerate': pip install 'evalkit\[large\]'"),
        (True, False, "no accelerator to spread layers over; leave it out"),
    ],
)
def test_a_map_that_cannot_be_is_one_line(
    has_accelerate: bool, is_there: bool, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what to do."""
    monkeypatch.setattr(module, "has_accelerate", lambda: has_accelerate)
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: is_there)

    with pytest.raises(UserError, match=problem) as caught:
        check_device_map("auto")

    assert 1 == len(str(caught.value).splitlines())
    check_device_map(None)


def test_a_map_on_accelerators_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """One is enough: the rest goes to the host's memory."""
    monkeypatch.setattr(module, "has_accelerate", lambda: True)
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)

    assert check_device_map("auto") is None
