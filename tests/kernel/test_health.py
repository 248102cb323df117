"""health: a check is a process in the container, its status is the answer, and nothing of it stays."""

from __future__ import annotations

import contextlib
import json
import select
import shutil
import signal
import socket
import subprocess
from typing import TYPE_CHECKING

import pytest

from kernel.kit import needs
from kernel.kit.outside import descendants
from kernel.kit.runtime import TIMEOUT, read_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kernel.kit.life import Life

pytestmark = [pytest.mark.root, needs.cgroup2(), pytest.mark.only("minirun", "others have no such command")]

FAST = ("--interval", "50ms", "--retries", "2")


def told(one: Life, *words: str, options: tuple[str, ...] = ()) -> tuple[int, str]:
    done = one.call("health", *words, options=options)
    assert not done.stderr or not done.stdout, done
    return done.status, done.stdout + done.stderr


def others(one: Life) -> list[int]:
    """Processes in the container beside its first."""
    pids: list[int] = one.call("ps", options=["--format", "json"]).json
    return [pid for pid in pids if pid != one.process.pid]


def test_the_exit_status_is_the_answer(life):
    one = life().started()
    assert told(one, "/probe", "exit", "0") == (0, "healthy\n")
    assert told(one, "--", "/probe", "exit", "3") == (1, "unhealthy: exit status 3\n")
    assert told(one, "/probe", "signal", "9") == (1, "unhealthy: exit status 137\n")
    assert told(one, "/probe", "exit", "3", options=("--start-period", "1h")) == (1, "starting: exit status 3\n")
    status, text = told(one, "/nothing")
    assert status == 1 and text.startswith("unhealthy: can't ") and "/nothing" in text
    assert others(one) == []


@needs.static_busybox()
def test_what_a_failing_check_says_is_shown_as_one_line(life):
    one = with_busybox(life())
    status, text = told(one.started(), "busybox", "sh", "-c", r"printf 'a\nb \033[31m'; echo c >&2; exit 1")
    assert (status, text) == (1, "unhealthy: exit status 1: a b \\x1b[31mc\n")


@needs.static_busybox()
def test_what_outlives_the_check_is_not_waited_for(life):
    """A child of its that keeps the pipe open."""
    one = with_busybox(life()).started()
    assert told(one, "busybox", "sh", "-c", "busybox yes & exit 0") == (0, "healthy\n")


@needs.static_busybox()
def test_a_check_that_does_not_end_is_ended(life):
    """One that waits, and one that talks without end."""
    one = with_busybox(life()).started()
    assert told(one, "/probe", "sleep", options=("--timeout", "300ms")) == (1, "unhealthy: no end after 0.3 s\n")
    status, text = told(one, "busybox", "yes", options=("--timeout", "300ms"))
    assert (status, text) == (1, "unhealthy: no end after 0.3 s\n")
    assert others(one) == []


def test_a_signal_ends_one_check(life):
    one = life().started()
    words = [*one.runtime.argv, "health", "--timeout", "1h", one.id, "/probe", "sleep"]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=one.runtime.environment
    ) as process:
        one.wait_for(lambda: others(one) != [])
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=TIMEOUT) == (b"", b"")
        assert process.returncode == 128 + signal.SIGINT
    assert others(one) == []


def test_annotations_say_what_to_do(life):
    one = life(annotations={"org.minirun.health.test": json.dumps(["CMD", "/probe", "exit", "4"])}).started()
    assert told(one) == (1, "unhealthy: exit status 4\n")
    assert told(one, "/probe", "exit", "0") == (0, "healthy\n")


def test_without_a_check_and_without_a_container(life):
    one = life()
    status, text = told(one, "/probe")
    assert status == 1 and "does not exist" in text
    one.created()
    assert told(one, "/probe")[0] == 1 and "not running" in told(one, "/probe")[1]
    one.start()
    assert "has no health check" in told(one)[1]
    assert "--watch" in told(one, "/probe", options=("--interval", "1s"))[1]
    assert "NotifyAccess=all" in told(one, "/probe", options=("--notify",))[1]


# ---- again and again


def with_busybox(one: Life) -> Life:
    target = one.bundle.rootfs / "bin" / "busybox"
    shutil.copy(str(shutil.which("busybox")), target)
    target.chmod(0o755)
    one.bundle.process["env"] = ["PATH=/bin"]
    one.bundle.write()
    return one


@contextlib.contextmanager
def watching(one: Life, *words: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    argv = [*one.runtime.argv, "health", "--watch", *FAST, *words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(argv, text=True, env=one.runtime.environment | variables, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


IS_GOOD = ("busybox", "test", "-e", "/good")


@needs.static_busybox()
def test_each_change_is_a_line(life):
    """From before there is a container to after its end."""
    one = with_busybox(life())
    good = one.bundle.rootfs / "good"
    with watching(one, one.id, *IS_GOOD) as process:
        assert read_line(process) == "starting"
        one.started()
        assert read_line(process) == "unhealthy: exit status 1"
        good.touch()
        assert read_line(process) == "healthy"
        good.unlink()
        assert read_line(process) == "unhealthy: exit status 1"
        one.kill("KILL")
        stdout, stderr = process.communicate(timeout=TIMEOUT)
        assert (process.returncode, stdout) == (1, "")
        assert stderr in (f"minirun: container {how}: {one.id}\n" for how in ("has ended", "not running"))


def test_a_signal_ends_it_and_the_check_with_it(life):
    one = life().started()
    with watching(one, "--timeout", "1h", one.id, "/probe", "sleep") as process:
        assert read_line(process) == "starting"
        one.wait_for(lambda: others(one) != [])
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=TIMEOUT) == ("", "")
        assert process.returncode == 0
    assert others(one) == []


# ---- a unit of Type=notify


@pytest.fixture
def manager(place) -> Iterator[Manager]:
    made = Manager(place / "manager")
    with contextlib.closing(made.end):
        yield made


class Manager:
    """The service manager's side of sd_notify(3)."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.end.bind(self.path)
        self.end.settimeout(TIMEOUT)

    def hear(self) -> list[str]:
        return self.end.recv(4096).decode().split("\n")

    def forget(self) -> None:
        while select.select([self.end], [], [], 0)[0]:
            self.end.recv(4096)


@needs.static_busybox()
def test_it_is_ready_once_and_alive_while_it_is_healthy(life, manager):
    one = with_busybox(life()).started()
    good = one.bundle.rootfs / "good"
    with watching(one, "--notify", one.id, *IS_GOOD, NOTIFY_SOCKET=manager.path) as process:
        assert manager.hear() == ["STATUS=unhealthy"]
        good.touch()
        assert manager.hear() == ["STATUS=healthy", "READY=1", "WATCHDOG=1"]
        assert manager.hear() == ["WATCHDOG=1"]
        good.unlink()
        while (news := manager.hear()) == ["WATCHDOG=1"]:
            pass
        assert news == ["STATUS=unhealthy"]
        good.touch()
        assert manager.hear() == ["STATUS=healthy", "WATCHDOG=1"], "unhealthy, it says nothing; READY=1 only once"
        process.send_signal(signal.SIGTERM)
        assert process.wait(TIMEOUT) == 0


@needs.static_busybox()
def test_a_manager_that_is_gone_is_told_of_once(life, manager):
    one = with_busybox(life()).started()
    (one.bundle.rootfs / "good").touch()
    with watching(one, "--notify", one.id, *IS_GOOD, NOTIFY_SOCKET=manager.path) as process:
        manager.hear()
        manager.end.close()
        (one.bundle.rootfs / "good").unlink()
        assert [read_line(process) for _ in range(3)][-1].startswith("unhealthy")
        process.send_signal(signal.SIGTERM)
        _, stderr = process.communicate(timeout=TIMEOUT)
        assert stderr.count("nobody hears the news") == 1 and "ECONNREFUSED" in stderr
        assert descendants(process.pid) == []
