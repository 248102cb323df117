"""sd_notify(3): the container says that it is ready, and the one who started the runtime hears it, as systemd would."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from kernel.kit import needs
from kernel.kit.host import nothing_left
from kernel.kit.runtime import TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kernel.kit.life import Life

pytestmark = pytest.mark.root

IN_FOREGROUND = pytest.mark.only("minirun", "others read signals only when the container is ready")


class Manager:
    """The service manager's side: a socket, and the messages that have come. Barriers are answered, and noted."""

    def __init__(self, path: Path | str) -> None:
        self.path = str(path)
        self.end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.end.bind("\0" + self.path[1:] if self.path.startswith("@") else self.path)
        self.end.settimeout(TIMEOUT)
        self.messages: list[str] = []

    def hear(self) -> str:
        message, descriptors, _, _ = socket.recv_fds(self.end, 4096, 4)
        for descriptor in descriptors:
            os.close(descriptor)
        said = message.decode() + (f" with {len(descriptors)} descriptor" if descriptors else "")
        self.messages.append(said)
        return said

    def hear_until(self, wanted: str) -> list[str]:
        while wanted not in self.hear():
            pass
        return self.messages

    def hear_to_the_end(self, process: subprocess.Popen[bytes]) -> None:
        """Whatever comes while the process lives."""
        deadline = time.monotonic() + TIMEOUT
        while process.poll() is None and time.monotonic() < deadline:
            if select.select([self.end], [], [], 0.05)[0]:
                self.hear()

    @property
    def is_silent(self) -> bool:
        return not select.select([self.end], [], [], 0.3)[0]

    def lines(self) -> list[str]:
        return [line for message in self.messages for line in message.split("\n") if line]


@pytest.fixture
def manager(place) -> Iterator[Manager]:
    made = Manager(place / "manager")
    with contextlib.closing(made.end):
        yield made


@pytest.fixture
def told(runtime, manager, monkeypatch) -> Manager:
    """The runtime is told of the service manager."""
    monkeypatch.setitem(runtime.environment, "NOTIFY_SOCKET", manager.path)
    return manager


@contextlib.contextmanager
def beside(life: Life, command: str, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command of the runtime that may take its time; it has to end well with the block."""
    words = [*life.runtime.argv, command, *options, life.id]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(words, env=life.runtime.environment, **quiet) as process:
        try:
            yield process
            assert process.wait(TIMEOUT) == 0
        finally:
            process.kill()


def waits(process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is None


def test_the_program_finds_the_socket(life, told):
    one = life("notify", "READY=1", "exit").created()
    with beside(one, "start") as start:
        told.hear_to_the_end(start)
    one.wait_for(lambda: one.status == "stopped")
    assert one.output().splitlines() == ["ready", "READY=1: "]


def test_start_waits_until_the_program_is_ready(life, told):
    one = life("notify", "wait", "READY=1").created()
    with beside(one, "start") as start:
        one.wait_for(lambda: one.status == "running")
        assert told.is_silent and waits(start)
        os.kill(one.state()["pid"], signal.SIGUSR1)
        told.hear_to_the_end(start)
    assert told.lines()[0] == "READY=1"
    assert f"MAINPID={one.state()['pid']}" in told.lines()
    assert one.status == "running"


def test_a_detached_run_waits_until_the_program_is_ready(life, told):
    one = life("notify", "wait", "READY=1")
    with beside(one, "run", "--detach", "--bundle", str(one.bundle.path)) as run:
        one.wait_for(lambda: one.call("state").status == 0 and one.status == "running")
        assert told.is_silent and waits(run)
        os.kill(one.state()["pid"], signal.SIGUSR1)
        told.hear_to_the_end(run)
    assert f"MAINPID={one.state()['pid']}" in told.lines()


@pytest.mark.deviates("runc", "version 1.1 ends at once, and then nobody knows whose news it was")
def test_start_stays_until_its_news_has_been_read(life, told):
    """sd_notify_barrier(3): the service manager looks up the sender, who has to be there still."""
    one = life("notify", "READY=1").created()
    with beside(one, "start") as start:
        told.hear_until("READY=1")
        time.sleep(0.3)
        assert waits(start)
        assert told.hear() == "BARRIER=1 with 1 descriptor"
        start.wait(4)


@pytest.mark.only("minirun", "runc waits for as long as nobody has asked for the exit status")
def test_a_program_that_ends_without_a_word_is_not_waited_for(life, told):
    one = life("exit", "3").created()
    with beside(one, "start") as start:
        told.hear_to_the_end(start)
    assert told.messages == []


@pytest.mark.only("minirun", "others do not read signals meanwhile")
def test_a_signal_ends_the_waiting_and_nothing_else(life, told):
    one = life("notify", "wait").created()
    words = [*one.runtime.argv, "start", one.id]
    with subprocess.Popen(words, env=one.runtime.environment) as start:
        one.wait_for(lambda: one.status == "running")
        start.send_signal(signal.SIGTERM)
        assert start.wait(TIMEOUT) == 128 + signal.SIGTERM
    assert one.status == "running"


@IN_FOREGROUND
def test_in_the_foreground_the_runtime_is_the_service(runtime, bundle, told):
    with runtime.running(bundle("notify", "STATUS=warming up", "READY=1", "STOPPING=1")) as container:
        told.hear_until("STOPPING")
        assert told.lines() == ["STATUS=warming up", "READY=1", f"MAINPID={container.runtime.pid}", "STOPPING=1"]


@IN_FOREGROUND
def test_last_words_are_heard(runtime, bundle, told):
    runtime.run(bundle("notify", "READY=1", "STATUS=done", "exit"))
    assert "STATUS=done" in told.hear_until("STATUS")


@IN_FOREGROUND
def test_what_could_harm_the_service_is_not_passed_on(runtime, bundle, told):
    """Pids of the container are others' outside, and descriptors would be kept in its name."""
    words = ["MAINPID=1", "FDSTORE=1", "NOTIFYACCESS=all", "STATUS=one\nMAINPID=1\nERRNO=2", "X=y", "READY=1", "exit"]
    runtime.run(bundle("notify", *words))
    told.hear_until("READY")
    lines = told.lines()
    assert [line for line in lines if not line.startswith("MAINPID")] == ["STATUS=one", "ERRNO=2", "READY=1"]
    assert "MAINPID=1" not in lines


@IN_FOREGROUND
def test_a_barrier_is_the_service_managers_to_answer(runtime, bundle, told):
    with runtime.running(bundle("notify", "READY=1", "barrier")) as container:
        assert container.line() == "READY=1: "
        told.hear_until("READY=1")
        assert told.hear() == "BARRIER=1 with 1 descriptor"
        assert container.line() == "answered"


@IN_FOREGROUND
def test_signals_are_passed_on_while_the_container_is_not_ready(runtime, bundle, told):
    made = bundle("wait")
    with runtime.running(made) as container:
        container.runtime.send_signal(signal.SIGUSR2)
        assert container.line() == "SIGUSR2"


@pytest.mark.parametrize("in_user_namespace", [False, True])
def test_every_user_of_the_container_may_use_the_socket(life, told, in_user_namespace):
    one = life("notify", "READY=1")
    one.bundle.process["user"] = {"uid": 1000, "gid": 1000}
    if in_user_namespace:
        one.bundle.user_namespace()
    one.bundle.directory("run/notify")
    one.bundle.write()
    one.created()
    with beside(one, "start") as start:
        told.hear_to_the_end(start)


def test_the_socket_can_not_be_replaced_from_inside(life, told):
    one = life("notify", "READY=1").created()
    with beside(one, "start") as start:
        told.hear_to_the_end(start)
    mounted = next(mount for mount in one.process.mounts() if mount.point.startswith("/run/notify"))
    assert {"nosuid", "nodev", "noexec"} <= mounted.options
    assert "ro" in mounted.options or mounted.point.endswith("notify.sock")


@pytest.mark.only("minirun", "its own directory")
def test_an_abstract_socket(runtime, bundle, monkeypatch):
    manager = Manager(f"@minirun-tests-{os.getpid()}")
    monkeypatch.setitem(runtime.environment, "NOTIFY_SOCKET", manager.path)
    with contextlib.closing(manager.end):
        runtime.run(bundle("notify", "READY=1", "exit"))
        assert "READY=1" in manager.hear()


@pytest.mark.only("minirun", "others go on without a word")
def test_a_service_manager_that_is_gone_is_a_warning(runtime, bundle, place, monkeypatch):
    monkeypatch.setitem(runtime.environment, "NOTIFY_SOCKET", str(place / "nobody"))
    result = runtime.run(bundle("notify", "READY=1", "exit"))
    assert result.status == 0 and str(place / "nobody") in result.stderr


@pytest.mark.only("minirun", "others take anything")
def test_an_address_of_another_kind_is_refused(runtime, bundle, monkeypatch):
    monkeypatch.setitem(runtime.environment, "NOTIFY_SOCKET", "vsock:2:1")
    assert runtime.run(bundle()).refused


def test_nothing_stays(life, told):
    one = life("notify", "READY=1", "exit")
    with nothing_left(one.runtime.name):
        one.created()
        with beside(one, "start") as start:
            told.hear_to_the_end(start)
        one.wait_for(lambda: one.status == "stopped")
        assert one.delete().status == 0


# ---- systemd itself


@needs.command("test -d /run/systemd/system", "systemd does not run here")
@pytest.mark.parametrize("detached", [False, True])
def test_a_unit_of_type_notify(life, detached):
    """systemd-run returns when the unit is ready. The main process is the runtime, or the container's own."""
    one = life("notify", "READY=1")
    unit = f"minirun-test-{os.getpid()}-{detached}".lower()
    flags = ["--detach"] if detached else []
    properties = ["--property=Type=notify", "--property=TimeoutStartSec=60", "--property=TimeoutStopSec=1"]
    path = [f"--setenv={name}={value}" for name, value in one.runtime.environment.items() if name == "PYTHONPATH"]
    command = [*one.runtime.argv, "run", *flags, "--bundle", str(one.bundle.path), one.id]
    try:
        subprocess.run(["systemd-run", "--unit", unit, *properties, *path, *command], check=True, timeout=90)
        assert asked(unit, "ActiveState") == "active"
        pid = one.state()["pid"]
        assert (int(asked(unit, "MainPID")) == pid) == detached
    finally:
        subprocess.run(["systemctl", "stop", unit], check=False, timeout=60)
        subprocess.run(["systemctl", "reset-failed", unit], check=False, timeout=60, stderr=subprocess.DEVNULL)


def asked(unit: str, name: str) -> str:
    words = ["systemctl", "show", "--value", f"--property={name}", unit]
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=60).stdout.strip()
