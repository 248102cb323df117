"""However a run ends, the host is as before: no mount, cgroup, process, device or file is left (runtime.md#errors)."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kernel.kit.helpers import shared_mount
from kernel.kit.host import nothing_left
from kernel.kit.outside import cgroup2_root
from kernel.kit.runtime import ended, new_id
from kernel.kit.typist import at_a_terminal

pytestmark = pytest.mark.root


def full(made):
    """The bundle, asking for something of every kind, so that all of it is made and has to go."""
    made.config["hostname"] = "soon-gone"
    made.mount("/mnt/tmpfs")
    made.bind(made.path, "/mnt/bind", "ro")
    made.linux["devices"] = [{"path": "/dev/listed", "type": "c", "major": 1, "minor": 3, "fileMode": 0o666}]
    made.linux["maskedPaths"] = ["/proc/keys", "/sys/firmware"]
    made.linux["readonlyPaths"] = ["/proc/sys"]
    made.linux["cgroupsPath"] = f"/{new_id()}"
    return made


# ---- what counts as left

WATCH = """
import sys
from pathlib import Path
from kernel.kit.host import nothing_left
from kernel.kit.outside import cgroup2_root
cgroups = Path(sys.argv[1])
def ask():
    print("ready", flush=True)
    sys.stdin.readline()
with nothing_left("minirun", patience=0):
    ask()
with nothing_left("minirun", patience=0):
    (cgroups / sys.argv[2]).mkdir()
    ask()
"""


@pytest.mark.only("minirun", "it is about the tests themselves")
def test_what_a_stranger_runs_is_not_left_behind_but_any_empty_cgroup_is(runtime, tmp_path):
    """The watcher takes the tests' part. This process is none that it has started, so what it makes is a stranger's."""
    cgroups, name = cgroup2_root(), f"stranger-{os.getpid()}"
    half, state = cgroups / f"half-{name}", Path("/run/minirun") / name
    words = [sys.executable, "-c", WATCH, str(cgroups), half.name]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(words, env=environment, **streams) as watcher, subprocess.Popen(["sleep", "60"]) as program:
        try:
            assert watcher.stdout.readline() == "ready\n"
            (cgroups / name).mkdir()
            (cgroups / name / "cgroup.procs").write_text(str(program.pid))
            state.mkdir(parents=True)
            watcher.stdin.write("\n")
            watcher.stdin.flush()
            assert watcher.stdout.readline() == "ready\n", watcher.stderr.read()
            _, errors = watcher.communicate("\n")
        finally:
            program.kill()
            program.wait()
            for directory in filter(Path.exists, (half, cgroups / name, state)):
                directory.rmdir()
    assert watcher.returncode != 0
    assert f"cgroups: left behind: {half}" in errors and errors.count("left behind") == 1, errors


# ---- good ends


def test_nothing_is_left_after_a_run(runtime, bundle):
    made = full(bundle("exit", "0"))
    with nothing_left(runtime.name):
        assert runtime.run(made).status == 0


def test_nothing_is_left_after_a_program_that_fails(runtime, bundle):
    made = full(bundle("exit", "42"))
    with nothing_left(runtime.name):
        assert runtime.run(made).status == 42


def test_nothing_is_left_after_a_program_that_is_killed(runtime, bundle):
    made = full(bundle("sleep"))
    with nothing_left(runtime.name), runtime.running(made) as container:
        os.kill(container.pid, signal.SIGKILL)
        assert container.wait() == 137


def test_nothing_is_left_after_a_run_in_a_user_namespace(runtime, bundle):
    made = bundle("exit", "0")
    made.user_namespace()
    with nothing_left(runtime.name):
        assert runtime.run(made).status == 0


def test_nothing_is_left_after_a_run_at_a_terminal(runtime, bundle):
    made = full(bundle("exit", "0"))
    with nothing_left(runtime.name), at_a_terminal(runtime, made) as typist:
        assert typist.status() == 0


def test_nothing_is_left_where_the_rootfs_is_on_a_shared_mount(runtime, bundle, place):
    made = full(bundle("exit", "0"))
    with shared_mount(place), nothing_left(runtime.name):
        assert runtime.run(made).status == 0


def test_a_container_can_be_run_again_under_its_id(runtime, bundle):
    name = new_id()
    for _ in range(3):
        assert runtime.run(bundle("exit", "0", name=new_id()), container_id=name).status == 0


def test_an_id_that_is_taken_is_refused_and_its_container_stays(runtime, bundle):
    with runtime.running(bundle("wait")) as container:
        other = bundle("exit", "0", name="other")
        with nothing_left(runtime.name):
            assert runtime.run(other, container_id=container.container_id).refused
        os.kill(container.runtime.pid, signal.SIGTERM)
        assert container.line() == "SIGTERM"


@pytest.mark.parametrize("name", ["../escape", "a/b", "..", ".", "", "a b", "ä"])
def test_an_id_that_is_no_file_name_is_refused(runtime, bundle, name):
    made = bundle()
    with nothing_left(runtime.name):
        assert runtime.run(made, container_id=name).status != 0


# ---- bad configs, each of which fails at another step


def set_in(*keys, value):
    def change(made):
        place = made.config
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value

    return change


BROKEN = {
    "an unknown version": set_in("ociVersion", value="99.0.0"),
    "no root": set_in("root", value=None),
    "a root that does not exist": set_in("root", "path", value="missing"),
    "no such program": set_in("process", "args", value=["/no/such/program"]),
    "a program that is no program": set_in("process", "args", value=["/tmp"]),
    "a working directory that is a file": set_in("process", "cwd", value="/probe"),
    "a user that is not mapped": lambda made: (made.user_namespace(size=1), made.process["user"].update(uid=5)),
    "a host name that is too long": set_in("hostname", value="x" * 100),
    "a namespace that does not exist": lambda made: made.namespace("ipc", "/no/such/namespace"),
    "a namespace of the wrong kind": lambda made: made.namespace("ipc", "/proc/self/ns/net"),
    "a mount that fails": lambda made: made.mount("/mnt/late", "flavour=salty"),
    "a bind source that does not exist": lambda made: made.bind("missing", "/mnt/late"),
    "a file system that does not exist": lambda made: made.mount("/mnt/late", kind="flavourfs"),
    "proc on a link": lambda made: made.link("proc", "/tmp"),
    "a parameter that does not exist": set_in("linux", "sysctl", value={"net.no.such": "1"}),
    "a parameter of the host": set_in("linux", "sysctl", value={"vm.swappiness": "60"}),
    "a limit of an unknown kind": set_in("process", "rlimits", value=[{"type": "RLIMIT_X", "soft": 1, "hard": 1}]),
    "a score out of range": set_in("process", "oomScoreAdj", value=5000),
    "a device of an unknown type": set_in("linux", "devices", value=[{"path": "/dev/x", "type": "z"}]),
    "an unknown propagation": set_in("linux", "rootfsPropagation", value="sideways"),
}
RUNC_DOES_NOT_CHECK = ("an unknown version",)
UNCHECKED = pytest.mark.deviates("runc", "does not check")


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(change, id=name, marks=UNCHECKED if name in RUNC_DOES_NOT_CHECK else ())
        for name, change in BROKEN.items()
    ],
)
def test_nothing_is_left_after_a_config_with(runtime, bundle, broken):
    made = full(bundle())
    broken(made)
    with nothing_left(runtime.name):
        assert runtime.run(made).refused


# ---- signals to the runtime


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_nothing_is_left_after_a_signal_during_the_run(runtime, bundle, number):
    made = full(bundle("sleep"))
    made.without_namespace("pid")  # the first process of a PID namespace would not get the signal
    with nothing_left(runtime.name), runtime.running(made) as container:
        os.kill(container.runtime.pid, number)
        assert container.wait() == 128 + number


@pytest.mark.deviates("runc", "leaves its state directory when the signal comes in its first moments")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("moment", [0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08])
def test_nothing_is_left_after_a_signal_during_the_set_up(runtime, bundle, number, moment):
    """`moment` seconds after the start, wherever the runtime then is."""
    made = full(bundle("sleep"))
    made.without_namespace("pid")
    made.write()
    with nothing_left(runtime.name):
        command = runtime.command(made, new_id())
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=runtime.environment
        )
        with ended(process):
            time.sleep(moment)
            process.send_signal(number)
            # Not always 128 and the number: in Python's own first moments SIGINT is an error like any other.
            assert process.wait(10) != 0


def test_nothing_is_left_where_the_caller_ignores_sigchld(runtime, bundle):
    """Then children are gone before anybody can ask for their exit status: wait(2)."""
    ignore = (
        "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execvp(sys.argv[1], sys.argv[1:])"
    )
    with nothing_left(runtime.name):
        assert runtime.run(bundle("exit", "3"), prefix=[sys.executable, "-c", ignore]).status == 3


@pytest.mark.only("minirun", "runc calls itself and runs out of stack")
def test_nothing_is_left_of_cgroups_below_the_containers(runtime, bundle):
    busybox = shutil.which("busybox")
    if busybox is None:
        pytest.skip("needs busybox")
    made = bundle()
    shutil.copy2(busybox, made.rootfs / "bin" / "sh")
    deep = "cd /sys/fs/cgroup; i=0; while [ $i -lt 300 ]; do mkdir deep && cd deep; i=$((i+1)); done; exit 6"
    made.process["args"] = ["sh", "-c", deep]
    (made.rootfs / "bin" / "mkdir").symlink_to("sh")
    made.linux["namespaces"].append({"type": "cgroup"})
    made.mount("/sys/fs/cgroup", kind="cgroup", source="cgroup")
    with nothing_left(runtime.name):
        result = runtime.run(made)
    assert result.status == 6, result
