"""One at a time: who makes, starts, changes or removes a container has a lock on its books.

Nobody waits for it without end. A hook that calls minirun for its own container would wait for the minirun that waits
for the hook: so what descends from the holder is refused at once, and others when their patience is over. `delete
--force` has the holder make way instead.
"""

from __future__ import annotations

import os
from errno import ENOENT, ESRCH
from time import monotonic, sleep

from ..errors import StateError
from ..kernel import locks, processes, signals
from ..kernel.libc import SystemCallError
from ..steps.layout import LIFE, LOCK, STATE
from .directory import check, damaged, read_state, refuse_others, unknown, unreadable

# What the holder is sent, one signal after the other, and how many seconds it has for it each time.
PATIENCE: tuple[tuple[int, float], ...] = ((0, 5.0),)
FORCE = ((0, 1.0), (signals.SIGTERM, 7.0), (signals.SIGKILL, 10.0))  # TERM has it take everything back, KILL does not
MOMENT = 0.01  # seconds between one look and the next


class Lock:
    """The exclusive right to a part of a container's life (steps/layout.py: LIFE, LIMITS, ALL)."""

    def __init__(self, root: str, name: str, part: locks.Part = LIFE, *, force: bool = False) -> None:
        """Raises StateError: the container is gone, maybe just now, or another user's, or none, or the holder stays."""
        self.name, self.part = name, part
        refuse_others(root, name)
        check(root, name)
        self.descriptor = open_lock(root, name)
        try:
            self.take(FORCE if force else PATIENCE)
            if os.fstat(self.descriptor).st_nlink == 0:
                raise unknown(root, name)
        except BaseException:
            self.release()
            raise

    def take(self, patience: tuple[tuple[int, float], ...]) -> None:
        for number, seconds in patience:
            self.signal_holder(number)
            if self.wait(seconds, number):
                return
        raise self.busy()

    def wait(self, seconds: float, number: int) -> bool:
        """Whether it is ours by then. No use in waiting for who can't be sent a signal, or waits for this process."""
        deadline = monotonic() + seconds
        while not locks.take(self.descriptor, self.part):
            holder = locks.holder(self.descriptor, self.part)
            if monotonic() > deadline or holder == 0 or (not number and holder in ancestors()):
                return False
            sleep(MOMENT)
        return True

    def signal_holder(self, number: int) -> None:
        """As long as it holds the lock, its pid is no other process's."""
        holder = locks.holder(self.descriptor, self.part)
        if not holder or not number:
            return
        try:
            process = signals.pidfd_open(holder)
            try:
                if locks.holder(self.descriptor, self.part) == holder:
                    signals.pidfd_send_signal(process, number)
            finally:
                os.close(process)
        except SystemCallError as error:
            if error.errno != ESRCH:  # it has just ended
                raise

    def busy(self) -> StateError:
        holder = locks.holder(self.descriptor, self.part)
        who = f"process {holder}" if holder else "a process of another pid namespace"
        if holder in ancestors():
            who += ", which waits for this one"
        return StateError(
            f"the container {self.name} is being created, started or deleted by {who}\n"
            f"  cure:  wait for its end; a hook must not; or minirun delete --force {self.name}, which ends it"
        )

    def release(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def open_lock(root: str, name: str) -> int:
    try:
        return locks.open(f"{root}/{name}/{LOCK}")
    except OSError as error:
        if error.errno == ENOENT and os.path.lexists(f"{root}/{name}/{STATE}"):
            read_state(root, name)
            raise damaged(f"{root}/{name}", f"there is no {LOCK}") from None
        raise unreadable(root, name, error) from None


def ancestors() -> list[int]:
    """Whose child this process is, and whose child that is, and so on."""
    found, pid = [], os.getppid()
    while pid and (stat := processes.stat_fields(pid)):
        found.append(pid)
        pid = int(stat[1])
    return found
