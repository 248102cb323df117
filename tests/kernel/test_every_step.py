"""What happens when something goes wrong at any step of the plan: nothing stays on the host, and the error says where.

Every step is tried in turn, which shows that the undoing does not depend on where the set-up had come to.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kernel.kit import host, needs
from kernel.kit.host import adopt_orphans, nothing_left
from kernel.kit.runtime import TIMEOUT, find_runtime
from minirun.plan.container import Options, plan
from minirun.spec.load import load
from minirun.steps.step import CONTAINER, RUNTIME

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kernel.kit.bundle import Bundle
    from minirun.steps.step import Step

pytestmark = pytest.mark.root

DRIVER = Path(__file__).parent / "kit" / "plan_driver.py"
REPOSITORY = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(REPOSITORY)}


@pytest.fixture
def eventful(bundle: Callable[..., Bundle]) -> Bundle:
    """A bundle whose plan has steps of nearly every class."""
    made = bundle("exit", "0")
    made.config["hostname"] = "eventful"
    made.config["annotations"] = {"org.example": "yes"}
    made.process.update({"terminal": True, "oomScoreAdj": 100, "noNewPrivileges": True})
    made.process["rlimits"] = [{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}]
    made.linux["namespaces"] += [{"type": "user"}, {"type": "cgroup"}]
    ids = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    made.linux.update({"uidMappings": ids, "gidMappings": ids})
    if Path("/proc/self/ns/time").exists():
        made.namespace("time")
        made.linux["timeOffsets"] = {"boottime": {"secs": 7}}
    made.linux.update({"maskedPaths": ["/proc/kcore"], "readonlyPaths": ["/proc/sys"]})
    made.linux["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["getsid"], "action": "SCMP_ACT_ERRNO"}],
    }
    made.linux["cgroupsPath"] = f"/minirun-test-{os.getpid()}/deep/down"
    made.mount("/mnt/new", "rshared", "size=1m")
    made.bind("/etc", "/mnt/etc", "ro")
    (made.path / "volume").mkdir()
    if needs.maps_owners(made.path):
        made.bind(made.path / "volume", "/mnt/mapped", "idmap")
    if Path("/proc/self/numa_maps").exists():
        made.linux["memoryPolicy"] = {"mode": "MPOL_LOCAL"}
    for name in ("mnt/new", "mnt/etc", "mnt/mapped", "run/notify"):
        (made.rootfs / name).mkdir()
    os.chown(made.rootfs, 100000, 100000)  # so that the container's root may make what is missing
    os.chown(made.rootfs / "dev", 100000, 100000)
    made.write()
    return made


def steps_of(bundle: Bundle) -> tuple[Step, ...]:
    return plan(load(str(bundle.path)), Options(id="example", bundle=str(bundle.path), notify_socket="@nobody"))


def drive(bundle: Bundle, indexes: Sequence[int], deed: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, str(DRIVER), str(bundle.path), name_of(deed), ",".join(map(str, indexes)), deed]
    return subprocess.run(
        words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT, env=ENVIRONMENT, check=False
    )


def name_of(deed: str) -> str:
    return f"minirun-test-{os.getpid()}-{deed}"


def test_the_plan_as_it_is_runs(eventful: Bundle) -> None:
    result = drive(eventful, [0], "modules")
    assert result.returncode == 0, result.stderr


def test_a_failure_at_any_step_leaves_nothing_and_is_told(eventful: Bundle) -> None:
    adopt_orphans()
    steps = steps_of(eventful)
    for index in range(len(steps)):
        with nothing_left("minirun", eventful.path / "rootfs" / "etc"):
            result = drive(eventful, [index], "fail")
        assert result.returncode == 1, f"before step {index + 1} ({steps[index].describe()}): {result.stderr}"
        assert "the test wants it" in result.stderr
        assert re.search(rf"step: +{index + 1} of {len(steps) + 1}", result.stderr), result.stderr


def test_a_container_process_killed_at_any_step_leaves_nothing(eventful: Bundle) -> None:
    adopt_orphans()
    for index, step in enumerate(steps_of(eventful)):
        if step.runs_in == CONTAINER:
            with nothing_left("minirun"):
                result = drive(eventful, [index], "kill")
            assert result.returncode == 1, f"before step {index + 1} ({step.describe()}): {result.stderr}"
            assert "SIGKILL" in result.stderr


def test_an_interrupt_at_any_step_leaves_nothing(eventful: Bundle) -> None:
    adopt_orphans()
    steps = steps_of(eventful)
    for index in range(len(steps)):
        with nothing_left("minirun"):
            result = drive(eventful, [index], "interrupt")
        where = f"before step {index + 1} ({steps[index].describe()}): {result.stderr}"
        # The last step comes after the last turn: whether the program or the set-up gets the signal is open.
        assert result.returncode == 130 or index >= last_turn(steps), where
        assert "Traceback" not in result.stderr


def last_turn(steps: tuple[Step, ...]) -> int:
    """The index behind the last step of the runtime before the program: from there on it only waits for that."""
    execute = [type(step).__name__ for step in steps].index("Execute")
    return max(index for index, step in enumerate(steps[:execute]) if step.runs_in == RUNTIME) + 1


def test_what_a_killed_runtime_leaves_is_deleted(eventful: Bundle) -> None:
    """No process goes on running. Cgroup and books are there, as nobody could remove them, until `delete` does."""
    adopt_orphans()
    for index, step in enumerate(steps_of(eventful)):
        if step.runs_in == RUNTIME:
            with nothing_left("minirun"):
                with nothing_left_running():
                    drive(eventful, [index], "kill")
                delete = [*find_runtime("minirun"), "delete", "--force", name_of("kill")]
                subprocess.run(delete, env=ENVIRONMENT, check=True, timeout=TIMEOUT)


def test_the_container_process_loads_no_module(eventful: Bundle) -> None:
    """Python would look for it in the image, or find no way to it from inside a user namespace."""
    steps = steps_of(eventful)
    names = [type(step).__name__ for step in steps]
    places = [names.index("StartContainerProcess") + 1, names.index("Execute")]
    result = drive(eventful, places, "modules")
    assert result.returncode == 0, result.stderr
    before, after = (eventful.path / "modules").read_text().splitlines()
    assert set(after.split()) - set(before.split()) == set()


class nothing_left_running:
    """Fails if the block leaves a process: as a child of this one, which adopts orphans."""

    def __enter__(self) -> None:
        self.before = host.orphans()

    def __exit__(self, *_exception: object) -> None:
        deadline = time.monotonic() + 5
        while (left := host.orphans() - self.before) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not left, left
