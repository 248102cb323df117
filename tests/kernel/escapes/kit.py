"""The minirun under attack, races, and what a race is won with."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kernel.kit.runtime import PATIENCE, REPOSITORY, Result, Runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kernel.kit.bundle import Bundle
    from kernel.kit.outside import Process

libc = ctypes.CDLL(None, use_errno=True)
HERE = Path(__file__).parent
LONGEST = 60.0 * PATIENCE  # seconds until an attack on a weakened minirun has to have succeeded


class Attacked(Runtime):
    """minirun, whole or without one of its defences (weak.py)."""

    def __init__(self, weakening: str, seconds: float) -> None:
        super().__init__("minirun")
        self.weakening = weakening
        self.seconds = seconds  # that a race gets
        self.went_well = 0  # how often nothing was refused
        if weakening:
            self.argv = [sys.executable, str(HERE / "weak.py"), weakening]
            self.environment["PYTHONPATH"] = str(REPOSITORY)

    @property
    def is_weak(self) -> bool:
        return self.weakening != ""

    def try_it(self, made: Bundle, **more: Any) -> Result:
        """Run it to its end; a refusal is as good."""
        result = self.run(made, **more)
        self.went_well += result.status == 0
        assert self.is_weak or result.status == 0 or result.refused, result
        return result

    def race(self, attempt: Callable[[], object]) -> bool:
        """Whether an attempt succeeds. The whole minirun withstands for the time given; a weakened one gives in."""
        end = time.monotonic() + (LONGEST if self.is_weak else self.seconds)
        while time.monotonic() < end:
            if attempt():
                return True
        return False

    def race_put_to_test(self, attempt: Callable[[], object]) -> bool:
        """The same, of `try_it`, for as long as it takes until the whole minirun has been tried and has not refused,
        which on a busy machine may be longer than the time given."""
        has_succeeded, end = self.race(attempt), time.monotonic() + LONGEST
        while not (has_succeeded or self.is_weak or self.went_well) and time.monotonic() < end:
            has_succeeded = bool(attempt())
        assert self.is_weak or self.went_well, "it was never put to the test"
        return has_succeeded


def without(*weakenings: str) -> pytest.MarkDecorator:
    """Try it on minirun, and on one without each of these."""
    names = ["minirun", *(f"without {name}" for name in weakenings)]
    return pytest.mark.parametrize("attacked", ["", *weakenings], indirect=True, ids=names)


def swapping(one: Path, other: Path) -> contextlib.AbstractContextManager[None]:
    """Another process exchanges the two, as quickly as it can."""
    return beside("exchange", one, other)


def replacing(*pairs: tuple[Path, Path]) -> contextlib.AbstractContextManager[None]:
    """Another process has the second of each pair come in the place of the first, as soon as that is there."""
    return beside("replace", *(path for pair in pairs for path in pair))


@contextlib.contextmanager
def beside(deed: str, *paths: Path) -> Iterator[None]:
    words = [sys.executable, str(HERE / "swap.py"), deed, *map(str, paths)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield
        finally:
            process.kill()


def shared_volume(made: Bundle, place: Path, target: Path) -> Path:
    """At /vol: the directory `way`, and `link`, a symlink in whose place it comes. The image has what that leads to as
    well, so that a path through it is no error."""
    volume = place / "volume"
    (volume / "way").mkdir(parents=True)
    (volume / "link").symlink_to(target)
    made.directory(str(target))
    made.bind(volume, "/vol")
    return volume


# ---- what the root of a container can do to what it sees


def in_mounts_of(process: Process, deed: Callable[[], None]) -> None:
    """Do it in the mount namespace of another process, as its root with all capabilities."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            with open(process.proc / "ns/mnt") as namespace:
                libc.setns(namespace.fileno(), 0)
            deed()
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0


def cover(path: str) -> None:
    """Mount an empty tmpfs."""
    checked(libc.mount(b"none", path.encode(), b"tmpfs", 0, None))


def checked(result: int) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
