"""stats and top: what they show is what the cgroup's files say, and top leaves the terminal as it was."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kernel.kit import needs
from kernel.kit.outside import cgroup2_root
from kernel.kit.runtime import TIMEOUT, read_line
from kernel.kit.typist import typing_to

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kernel.kit.life import Life

pytestmark = [pytest.mark.root, needs.cgroup2(), pytest.mark.only("minirun", "others have no such commands")]

MIB = 1 << 20


def directory(one: Life) -> Path:
    return Path(str(cgroup2_root()) + one.process.cgroup())


def numbers(file: Path) -> dict[str, int]:
    return {name: int(value) for name, value in (line.split() for line in file.read_text().splitlines())}


@contextlib.contextmanager
def watching(one: Life) -> Iterator[subprocess.Popen[str]]:
    words = [*one.runtime.argv, "stats", one.id, "--json", "--interval", "0.3"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=one.runtime.environment) as process:
        yield process
        process.kill()


def told(process: subprocess.Popen[str]) -> dict[str, Any]:
    usage: dict[str, Any] = json.loads(read_line(process))
    return usage


@needs.controller("cpu")
@needs.controller("memory")
@needs.controller("pids")
def test_the_numbers_are_the_kernels(life):
    """Of a container that spins against its quota, and in which the OOM killer has been at work."""
    one = life("spin")
    one.bundle.linux["resources"] = {"memory": {"limit": 16 * MIB, "swap": 16 * MIB}}
    one.bundle.write()
    cgroup = directory(one.started())
    eater = f"echo $$ > {cgroup}/cgroup.procs && exec tail /dev/zero"  # whose last lines it looks for without end
    assert subprocess.run(["sh", "-c", eater], timeout=TIMEOUT, check=False).returncode == -signal.SIGKILL
    (cgroup / "cpu.max").write_text("20000 100000")
    with watching(one) as process:
        before, usage = (numbers(cgroup / "cpu.stat"), told(process))
        after = numbers(cgroup / "cpu.stat")
        assert (usage["id"], usage["status"], usage["program"]) == (one.id, "running", "/probe spin")

        cpu = usage["cpu"]
        assert (cpu["limit_cpus"], cpu["bound_by"]) == (0.2, "cpu.max")
        assert before["usage_usec"] <= cpu["used_seconds"] * 1e6 <= after["usage_usec"]
        assert cpu["percent"] > 0 and cpu["throttled_percent"] > 0

        memory = usage["memory"]
        assert (memory["limit_bytes"], memory["bound_by"], memory["high_bytes"]) == (16 * MIB, "memory.max", None)
        assert abs(memory["used_bytes"] - int((cgroup / "memory.current").read_text())) < 4 * MIB
        assert memory["peak_bytes"] == int((cgroup / "memory.peak").read_text())
        assert memory["oom_kills"] == numbers(cgroup / "memory.events")["oom_kill"] >= 1
        assert (usage["pids"]["used"], usage["pids"]["limit"]) == (1, None), "nothing limits them"
        assert usage["pids"]["bound"] <= int(Path("/proc/sys/kernel/pid_max").read_text())

        (cgroup / "pids.max").write_text("7")
        (cgroup / "memory.high").write_text(str(12 * MIB))
        (cgroup / "cgroup.freeze").write_text("1")
        while (usage := told(process))["status"] != "paused":
            pass
        assert (usage["pids"]["limit"], usage["pids"]["bound_by"]) == (7, "pids.max")
        assert (usage["memory"]["bound_bytes"], usage["memory"]["bound_by"]) == (12 * MIB, "memory.high")
        (cgroup / "cgroup.freeze").write_text("0")

        one.kill("KILL")
        process.communicate(timeout=TIMEOUT)
        assert process.returncode == 0, "there is nothing left to watch"


@needs.no_controller("memory")
def test_what_is_not_counted_here_is_said(life):
    usage = life().started().call("stats", options=["--json"]).json
    assert usage["memory"] is None and usage["cpu"]["bound_by"] == "the machine"
    assert any("memory" in reason and "controller in cgroup v2 here" in reason for reason in usage["missing"])


def at_a_terminal(one: Life) -> contextlib.AbstractContextManager[Any]:
    environment = one.runtime.environment | {"TERM": "xterm", "LC_ALL": "C"}
    return typing_to([*one.runtime.argv, "top", one.id], environment)


def test_top_shows_the_container_and_leaves_the_terminal_as_it_was(life):
    one = life().started()
    with at_a_terminal(one) as typist:
        before = typist.settings
        typist.see(one.id)
        typist.see("/probe")
        assert typist.settings != before, "keys are read one by one"
        typist.resize(30, 132)
        typist.see("PROGRAM")  # for which there is room only now
        typist.type("q")
        assert typist.status() == 0
        assert typist.screen.count(b"\x1b[?1049l") == 1, "back to the screen from before: rmcup of terminfo(5)"
        assert b"\x1b[?25h" in typist.screen, "with a cursor"
        assert typist.settings == before
    with at_a_terminal(one) as typist:
        before = typist.settings
        typist.see(one.id)
        typist.send(signal.SIGTERM)
        assert typist.status() == 128 + signal.SIGTERM
        assert (b"\x1b[?1049l" in typist.screen, typist.settings) == (True, before)
