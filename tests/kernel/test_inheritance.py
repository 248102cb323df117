"""What a program has of the caller's, and what it has not: signal(7), execve(2), fork(2).

Whoever starts the runtime may have blocked or ignored any signal. A daemon blocks what it reads by signalfd(2), a shell
has its background jobs ignore SIGINT and SIGQUIT, nohup(1) SIGHUP, Python SIGPIPE.
"""

from __future__ import annotations

import ctypes
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kernel.kit import needs
from kernel.kit.host import nothing_left
from kernel.kit.runtime import REPOSITORY, TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Callable

    from kernel.kit.life import Life

pytestmark = pytest.mark.root

PR_SET_PDEATHSIG, PR_SET_TIMERSLACK = 1, 29  # linux/prctl.h
ADDR_NO_RANDOMIZE = 0x0040000  # linux/personality.h
ALL = set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}


def block() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, ALL)


def ignore(*numbers: int) -> None:
    for number in numbers or ALL:
        signal.signal(number, signal.SIG_IGN)


CALLERS: dict[str, Callable[[], None]] = {"that blocks all signals": block, "that ignores all signals": ignore}
PARTLY = pytest.mark.deviates("runc", "keeps blocked, or ignored, what Go does not care for")
MOSTLY = pytest.mark.deviates("crun", "hooks have what it has itself, and with SIGCHLD ignored it misses its children")


@pytest.fixture(params=CALLERS)
def caller(request: pytest.FixtureRequest) -> Callable[[], None]:
    return CALLERS[request.param]


def signals_of(status: str) -> list[str]:
    """Which are blocked and ignored, by the lines of /proc/PID/status (proc_pid_status(5))."""
    lines = [" ".join(line.split()) for line in status.splitlines()]
    return [line for line in lines if line.startswith(("SigBlk", "SigIgn"))]


NONE = ["SigBlk: 0000000000000000", "SigIgn: 0000000000000000"]


def of_process(pid: int | str) -> list[str]:
    return signals_of(Path(f"/proc/{pid}/status").read_text())


def called_by(caller: Callable[[], None], one: Life, command: str, *options: str, words: tuple[str, ...] = ()) -> None:
    done = one.line(command, *options, one.id, *words, preexec_fn=caller)
    assert done.status == 0, done


def to_start(caller: Callable[[], None], one: Life) -> Life:
    called_by(caller, one, "create", "--bundle", str(one.bundle.path))
    called_by(caller, one, "start")
    return one


# ---- blocked, and ignored


@PARTLY
@MOSTLY
def test_a_program_begins_with_no_signal_blocked_or_ignored(runtime, bundle, caller):
    told = runtime.run(bundle(), preexec_fn=caller).json
    assert (told["signals_blocked"], told["signals_ignored"]) == ([], [])


@PARTLY
@MOSTLY
def test_so_it_does_after_create_and_start(life, caller):
    assert of_process(to_start(caller, life()).state()["pid"]) == NONE


@PARTLY
@MOSTLY
@pytest.mark.parametrize("options", [(), ("--detach",)])
def test_so_does_a_further_one(life, caller, place, options):
    one = life().started()
    words = ("/probe", "sleep") if options else ("/probe", "read", "/proc/self/status")
    one.programs_output = place / "none"
    done = one.line("exec", *options, "--pid-file", f"{place}/pid", one.id, *words, preexec_fn=caller)
    assert done.status == 0, done
    told = of_process((place / "pid").read_text()) if options else signals_of(done.json["/proc/self/status"]["text"])
    assert told == NONE


@needs.static_busybox()
@PARTLY
@MOSTLY
@pytest.mark.parametrize("kind", ["createRuntime", "createContainer", "startContainer", "poststart", "poststop"])
def test_so_does_a_hook(life, caller, place, kind):
    one = life()
    told = with_hook(one, place, kind)
    to_start(caller, one)
    called_by(caller, one, "delete", "--force")
    assert signals_of(told.read_text()) == NONE


def with_hook(one: Life, place: Path, kind: str) -> Path:
    """Has the hook write its status to a file that is there under the same name outside and inside."""
    shared = place / "shared"
    shared.mkdir()
    shutil.copy(shutil.which("busybox") or "", one.bundle.rootfs / "bin" / "cp")
    one.bundle.bind(shared, str(shared))
    hook = {"path": "/bin/cp", "args": ["cp", "/proc/self/status", str(shared / "told")]}
    one.bundle.config["hooks"] = {kind: [hook]}
    one.bundle.write()
    return shared / "told"


FROM_PYTHON = """
import json, signal, sys, minirun
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
told = minirun.run(sys.argv[1], ["/probe", "read", "/proc/self/status"], capture_output=True, text=True).stdout
print(json.loads(told)["/proc/self/status"]["text"])
with minirun.Container.create(sys.argv[1]) as container:
    container.start()
    print(container.exec(["/probe", "exit", "3"]).returncode, container.exec(["/probe", "exit", "0"]).returncode)
"""


@pytest.mark.only("minirun", "only minirun has a library")
def test_so_it_does_from_python(runtime, bundle):
    """And where SIGCHLD is ignored, wait(2) has no exit status for anybody: the worker's own word has it."""
    made = bundle("sleep")
    made.write()
    words = [sys.executable, "-c", FROM_PYTHON, str(made.path)]
    done = subprocess.run(
        words, env=os.environ | {"PYTHONPATH": str(REPOSITORY)}, capture_output=True, text=True, timeout=TIMEOUT
    )
    assert signals_of(done.stdout) == NONE
    assert done.stdout.endswith("3 0\n")


# ---- the runtime itself


@MOSTLY
def test_exit_statuses_arrive_where_every_signal_is_ignored(runtime, bundle):
    """With SIGCHLD ignored children are gone before anybody can ask for their status: wait(2)."""
    with nothing_left(runtime.name):
        assert runtime.run(bundle("exit", "3"), preexec_fn=ignore).status == 3


def test_a_signal_that_the_caller_ignores_is_passed_on_all_the_same(runtime, bundle):
    """A shell ignores SIGINT for what it starts in the background; whoever sends it means the container."""
    with runtime.running(bundle("wait"), preexec_fn=lambda: ignore(signal.SIGINT, signal.SIGTERM)) as container:
        for name in ("SIGINT", "SIGTERM"):
            os.kill(container.runtime.pid, getattr(signal, name))
            assert container.line() == name
        assert container.wait() == 0


@pytest.mark.deviates("runc", "passes it on")
def test_under_nohup_a_hang_up_is_nothing(runtime, bundle):
    with runtime.running(bundle("wait"), preexec_fn=lambda: ignore(signal.SIGHUP)) as container:
        os.kill(container.runtime.pid, signal.SIGHUP)
        os.kill(container.runtime.pid, signal.SIGUSR1)
        assert container.line() == "SIGUSR1"


@needs.static_busybox()
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.only("minirun", "runc waits for its hooks")
def test_the_set_up_can_be_ended_whatever_the_caller_has_blocked(runtime, bundle, place, caller, number):
    made = bundle("sleep")
    made.config["hooks"] = {"createRuntime": [hanging(place)]}
    made.write()
    with nothing_left(runtime.name):
        command = runtime.command(made, f"{runtime.name}-blocked-{os.getpid()}")
        started = subprocess.Popen(command, preexec_fn=caller, stderr=subprocess.DEVNULL)
        wait_until((place / "mark").exists)
        started.send_signal(number)
        assert started.wait(TIMEOUT) == 128 + number


def hanging(place: Path) -> dict[str, Any]:
    return {"path": "/bin/sh", "args": ["sh", "-c", f"touch {place}/mark; sleep 600"], "env": ["PATH=/bin:/usr/bin"]}


def wait_until(happens: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# ---- the rest


def prctl(option: int, value: int) -> None:
    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def alarm_soon() -> None:
    signal.setitimer(signal.ITIMER_REAL, 600)
    prctl(PR_SET_PDEATHSIG, signal.SIGUSR1)


# What the caller sets -> how it shows of the program. Where config.json has a property for it, that comes before.
HANDED_ON: dict[str, tuple[Callable[[], Any], Callable[[int], Any], Any]] = {
    "nice value": (lambda: os.nice(7), lambda pid: os.getpriority(os.PRIO_PROCESS, pid), 7),
    "processors": (lambda: os.sched_setaffinity(0, {0}), os.sched_getaffinity, {0}),
    "oom_score_adj": (
        lambda: Path("/proc/self/oom_score_adj").write_text("321"),
        lambda pid: Path(f"/proc/{pid}/oom_score_adj").read_text(),
        "321\n",
    ),
    "limit": (
        lambda: resource.setrlimit(resource.RLIMIT_CORE, (5, 6)),
        lambda pid: resource.prlimit(pid, resource.RLIMIT_CORE),
        (5, 6),
    ),
    "timer slack": (
        lambda: prctl(PR_SET_TIMERSLACK, 123456),
        lambda pid: Path(f"/proc/{pid}/timerslack_ns").read_text(),
        "123456\n",
    ),
    "personality": (
        lambda: ctypes.CDLL(None).personality(ADDR_NO_RANDOMIZE),
        lambda pid: Path(f"/proc/{pid}/personality").read_text(),
        "00040000\n",
    ),
}


@pytest.mark.parametrize("trait", HANDED_ON)
def test_the_program_has_its_callers(runtime, bundle, trait):
    change, look, expected = HANDED_ON[trait]
    with runtime.running(bundle("sleep"), preexec_fn=change) as container:
        assert look(container.pid) == expected


@pytest.mark.deviates("runc", "has a umask of its own for it")
def test_the_program_has_its_callers_umask(runtime, bundle):
    """config.md#posix-platform-user: without a value it should not be changed."""
    with runtime.running(bundle("sleep"), preexec_fn=lambda: os.umask(0o077) and None) as container:
        assert "Umask:\t0077" in Path(f"/proc/{container.pid}/status").read_text()


def test_timers_and_a_parents_death_are_not_the_programs(runtime, bundle):
    """fork(2) hands neither on, nor signals that wait; and its session is its own."""
    with runtime.running(bundle("sleep"), preexec_fn=alarm_soon) as container:
        status = Path(f"/proc/{container.pid}/status").read_text()
        assert "ShdPnd:\t0000000000000000" in status and "SigPnd:\t0000000000000000" in status
        assert os.getsid(container.pid) == container.pid
