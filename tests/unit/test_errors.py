"""minirun.errors: what is said where nothing has foreseen a failure."""

from __future__ import annotations

import os

import pytest

from minirun.errors import unexpected
from minirun.kernel.libc import SystemCallError


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (
            OSError(28, "", "/run/x"),
            "can't go on: no space left on device (ENOSPC)\n  call:  in Python, /run/x\n  cure:  a ",
        ),
        (
            OSError(24, ""),
            "can't go on: too many open files (EMFILE)\n  call:  in Python\n  cure:  let minirun open more",
        ),
        (
            OSError(95, ""),
            "can't go on: operation not supported (ENOTSUP)\n  call:  in Python\n  cure:  something around",
        ),
        (
            OSError(2, "", "/proc/self"),
            "can't go on: no such file or directory (ENOENT)\n  call:  in Python, /proc/self\n",
        ),
        (
            SystemCallError(1, "signalfd", "signalfd(-1)"),
            "can't go on: operation not permitted (EPERM)\n  call:  signalfd(",
        ),
        (MemoryError(), "no memory is left\n  cure:  this host is out of memory"),
        (ModuleNotFoundError("No module named 'click'"), "a part of minirun's installation can't be used: No module"),
        (KeyError("pid"), "unexpected: KeyError('pid')\n  cure:  this is a fault of minirun"),
    ],
)
def test_only_a_fault_is_called_one(error: Exception, says: str) -> None:
    assert unexpected(error).startswith(says)


def test_a_call_that_python_makes_is_told_by_who_wanted_it() -> None:
    with pytest.raises(OSError) as caught:
        os.close(-1)
    assert "call:  in test_a_call_that_python_makes_is_told_by_who_wanted_it (test_errors.py)" in unexpected(
        caught.value
    )
