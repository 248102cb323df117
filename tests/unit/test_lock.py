"""runtime/lock.py: nobody waits without end for who makes, starts or removes a container."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from minirun.errors import StateError
from minirun.kernel import locks
from minirun.runtime import lock
from minirun.runtime.lock import Lock
from minirun.steps.layout import ALL, LIFE, LIMITS, LOCK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A state directory with the books of `web`. Patience is short here."""
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / LOCK).touch()
    monkeypatch.setattr(lock, "PATIENCE", ((0, 0.2),))
    monkeypatch.setattr(lock, "FORCE", ((0, 0.1), (signal.SIGTERM, 0.2), (signal.SIGKILL, 5.0)))
    return str(tmp_path)


@contextlib.contextmanager
def child(deed: Callable[[int], object]) -> Iterator[int]:
    """A process that does something, tells so by the descriptor that it gets, and stays."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            deed(writing)
            time.sleep(60)
        os._exit(0)
    os.close(writing)
    try:
        os.read(reading, 1)
        yield pid
    finally:
        os.close(reading)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def holding(root: str, part: locks.Part = LIFE, deaf: bool = False) -> Callable[[int], object]:
    def hold(ready: int) -> None:
        held = locks.open(f"{root}/web/{LOCK}")
        assert locks.take(held, part)
        if deaf:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.write(ready, b"!")
        time.sleep(60)

    return hold


def test_a_lock_that_nobody_has_is_had_at_once(root: str) -> None:
    Lock(root, "web").release()
    Lock(root, "web", ALL, force=True).release()


def test_who_holds_it_too_long_is_named(root: str) -> None:
    with child(holding(root)) as pid, pytest.raises(StateError, match=rf"web is being .* by process {pid}\n  cure:"):
        Lock(root, "web")


def test_who_would_wait_for_who_waits_for_it_is_refused_at_once(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hook's minirun is a descendant of the one that runs the hook."""
    monkeypatch.setattr(lock, "PATIENCE", ((0, 60.0),))
    held = locks.open(f"{root}/web/{LOCK}")
    assert locks.take(held, LIFE)

    def ask(told: int) -> None:
        try:
            Lock(root, "web")
        except StateError as error:
            (Path(root) / "answer").write_text(str(error))
            os.write(told, b"!")

    with child(lambda told: ask(told) if os.fork() == 0 else os.wait()):
        pass
    os.close(held)
    assert f"by process {os.getpid()}, which waits for this one" in (Path(root) / "answer").read_text()


def test_limits_are_changed_while_a_hook_runs(root: str) -> None:
    with child(holding(root, LIFE)):
        Lock(root, "web", LIMITS).release()
        with pytest.raises(StateError, match="is being"):
            Lock(root, "web", ALL)


@pytest.mark.parametrize("deaf", [False, True])
def test_by_force_the_holder_makes_way(root: str, deaf: bool) -> None:
    with child(holding(root, deaf=deaf)) as pid:
        Lock(root, "web", ALL, force=True).release()
        ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        assert ended is not None
        assert ended.si_status == (signal.SIGKILL if deaf else signal.SIGTERM)


def test_a_container_that_goes_meanwhile_is_unknown(root: str) -> None:
    def remove(ready: int) -> None:
        held = locks.open(f"{root}/web/{LOCK}")
        assert locks.take(held, LIFE)
        os.write(ready, b"!")
        time.sleep(0.1)
        os.unlink(f"{root}/web/{LOCK}")
        os.rmdir(f"{root}/web")
        os._exit(0)

    with child(remove), pytest.raises(StateError, match="does not exist"):
        Lock(root, "web")
