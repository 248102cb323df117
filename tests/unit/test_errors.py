"""minirun.errors: what is said where nothing has foreseen a failure."""

from __future__ import annotations

import pytest

from minirun.errors import unexpected


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OSError(28, "No space left on device", "/run/x"), "/run/x: no space left on device (ENOSPC)\n  cure:  a file"),
        (OSError(24, "Too many open files"), "too many open files (EMFILE)\n  cure:  let minirun open more"),
        (OSError(95, "Not supported"), "unexpected: OSError(95, 'Not supported')\n  cure:  this is a fault of minirun"),
        (KeyError("pid"), "unexpected: KeyError('pid')\n  cure:  this is a fault of minirun"),
    ],
)
def test_a_shortage_is_no_fault_of_minirun(error: Exception, says: str) -> None:
    assert unexpected(error).startswith(says)
