"""pause and resume: the kernel stops all of a container's processes at once, and lets them go on (cgroup.freeze)."""

from __future__ import annotations

import os
import select
import time
from errno import ENODEV, ENOENT

from ..errors import SHORTAGES, StateError
from ..kernel import files, signals
from ..kernel.libc import SystemCallError
from ..kernel.signals import ENDING
from ..safe import safe
from ..steps.layout import LIMITS
from .books import CREATED, PAUSED, RUNNING, Container, find_own, is_frozen
from .lock import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Change = Callable[[Container], None]

PATIENCE = 1.5  # seconds for a process to come out of what can't be interrupted; somebody waits for the answer
MOMENT = 0.5  # the same, where there is another way
GLANCE = 0.01


def pause(root: str, name: str) -> None:
    """Raises StateError: not running, or not all processes stop in time, and then they go on."""
    with_status(root, name, (CREATED, RUNNING), "container not running", freeze)


def resume(root: str, name: str) -> None:
    with_status(root, name, (PAUSED,), "container not paused", thaw)


def with_status(root: str, name: str, allowed: tuple[str, ...], otherwise: str, change: Change) -> None:
    """Change a container that has one of these states, with nobody else changing it."""
    lock = Lock(root, name, LIMITS)
    try:
        container = find_own(root, name)
        if container.status() not in allowed:
            raise StateError(f"{otherwise}: {name}")
        container.own_cgroup()
        change(container)
    finally:
        lock.release()


def freeze(container: Container) -> None:
    with Undisturbed():
        stands_still = False
        try:
            stands_still = bring_to_a_stand(container.cgroup, PATIENCE)
        finally:
            if not stands_still:
                set_frozen(container.cgroup, False)
        if not stands_still:
            raise StateError(
                f"the container's processes could not all be stopped within {PATIENCE:g} s; they go on\n"
                "  cure:  one may wait for a disk (state D in ps), or thaw the cgroup, if it may write to that"
            )


def bring_to_a_stand(cgroup: str, patience: float) -> bool:
    """Freeze it; whether it stays frozen. A container that may write to its cgroup can thaw it, but who is frozen does
    not, so they are frozen again and again, until nobody is left who might."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        set_frozen(cgroup, True)
        if wait_for(cgroup, b"frozen 1", GLANCE) and not wait_for(cgroup, b"frozen 0", GLANCE):
            return True
    return False


def thaw(container: Container) -> None:
    """The kernel thaws what has been frozen here, and not above."""
    set_frozen(container.cgroup, False)
    if not wait_for(container.cgroup, b"frozen 0", PATIENCE):
        raise StateError("the container's processes stand still: a cgroup above theirs is frozen, too")


class Undisturbed:
    """While this block lasts, signals that would end minirun wait: nobody else would let the processes go on. In the
    calling thread only, which may be one of a program that uses minirun as a library."""

    def __enter__(self) -> None:
        self.mask = signals.pthread_sigmask(signals.SIG_BLOCK, ENDING)

    def __exit__(self, *_exception: object) -> None:
        signals.pthread_sigmask(signals.SIG_SETMASK, self.mask)


class Standstill:
    """While this block lasts, no process of the cgroup does anything: those that could be stopped in time."""

    def __init__(self, cgroup: str) -> None:
        self.cgroup = cgroup

    def __enter__(self) -> None:
        self.was_frozen = is_frozen(self.cgroup)
        if not self.was_frozen:
            bring_to_a_stand(self.cgroup, MOMENT)

    def __exit__(self, *_exception: object) -> None:
        if not self.was_frozen and os.path.isdir(self.cgroup):  # a scope goes with its last process
            set_frozen(self.cgroup, False)


def set_frozen(cgroup: str, frozen: bool) -> None:
    try:
        files.write_file(f"{cgroup}/cgroup.freeze", "1" if frozen else "0")
    except SystemCallError as error:
        if error.errno in (ENOENT, ENODEV):
            raise StateError("container not running: it has just ended") from None
        raise StateError(f"can't write {safe(error.shown)}: {os.strerror(error.errno or 0)}") from None


def wait_for(cgroup: str, line: bytes, patience: float) -> bool:
    """poll(2) tells of changes in cgroup.events by POLLPRI (cgroups(7)). False when it does not happen in that many
    seconds, or the cgroup goes."""
    try:
        descriptor = files.open(f"{cgroup}/cgroup.events", os.O_RDONLY | os.O_CLOEXEC)
    except SystemCallError as error:
        if error.errno in SHORTAGES:
            raise
        return False
    poll = select.poll()
    poll.register(descriptor, select.POLLPRI)
    deadline = time.monotonic() + patience
    try:
        while line not in os.pread(descriptor, 4096, 0).splitlines():
            left = deadline - time.monotonic()
            if left < 0:
                return False  # the kernel tells late: at most once in 10 ms
            poll.poll(max(1, 1000 * left))
        return True
    except OSError as error:
        if error.errno != ENODEV:
            raise
    finally:
        os.close(descriptor)
    return False
