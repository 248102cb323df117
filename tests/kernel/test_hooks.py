"""Hooks: when, where and with what they run, and what becomes of the container when one fails.

config.md#posix-platform-hooks, runtime.md#lifecycle
"""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kernel.kit import needs
from kernel.kit.host import nothing_left
from kernel.kit.life import Life
from kernel.kit.outside import Process

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.root, needs.static_busybox()]

RUNTIME_HOOKS = ("prestart", "createRuntime", "poststart", "poststop")
CONTAINER_HOOKS = ("createContainer", "startContainer")
BEFORE_START = ("prestart", "createRuntime", "createContainer")
EARLY = pytest.mark.deviates("runc", "before 1.3, runs poststart hooks before the program has begun")
ALL = (*BEFORE_START, "startContainer", "poststart", "poststop")


@pytest.fixture
def life(life) -> Callable[..., Life]:
    """Makes a container's life of a bundle with hooks, and with busybox in it for those that are scripts."""

    def make(*args: str, **hooks: list[dict[str, Any]]) -> Life:
        one: Life = life(*args, hooks=hooks)
        busybox = shutil.which("busybox")
        assert busybox is not None
        shutil.copy(busybox, one.bundle.rootfs / "bin" / "sh")
        return one

    return make


def script(line: str, **more: Any) -> dict[str, Any]:
    """A hook that is a line of shell. /bin/sh is on the host and in the container."""
    return {"path": "/bin/sh", "args": ["sh", "-c", line], "env": ["PATH=/bin:/usr/bin"], **more}


def through(one: Life) -> Life:
    """From create to delete."""
    one.started()
    assert one.delete("--force").status == 0
    return one


def shared(one: Life, place: Path) -> Path:
    """A directory that hooks on the host and in the container can write to, under the same name."""
    directory = place / "shared"
    directory.mkdir()
    one.bundle.bind(directory, str(directory))
    one.bundle.write()
    return directory


# ---- when


@EARLY
def test_they_run_in_the_order_of_the_lifecycle(life, place):
    log = place / "shared" / "log"
    one = life(**{kind: [script(f"echo {kind} {number} >>{log}") for number in (1, 2)] for kind in ALL})
    shared(one, place)
    through(one)
    assert log.read_text().splitlines() == [f"{kind} {number}" for kind in ALL for number in (1, 2)]


@EARLY
def test_those_of_create_run_before_start(life, place):
    log = place / "shared" / "log"
    one = life(**{kind: [script(f"echo {kind} >>{log}")] for kind in ALL})
    shared(one, place)
    one.created()
    assert log.read_text().split() == list(BEFORE_START)
    one.start()
    assert log.read_text().split() == [*BEFORE_START, "startContainer", "poststart"]


@EARLY
def test_run_in_the_foreground_runs_them_all(life, runtime, place):
    log = place / "shared" / "log"
    one = life("exit", "0", **{kind: [script(f"echo {kind} >>{log}")] for kind in ALL})
    shared(one, place)
    assert runtime.run(one.bundle).status == 0
    assert log.read_text().split() == list(ALL)


@EARLY
def test_poststart_comes_after_the_program_has_begun(life, place):
    exe = place / "exe"
    one = life(poststart=[script(f"readlink /proc/$(sed 's/.*\"pid\": *\\([0-9]*\\).*/\\1/')/exe >{exe}")])
    one.started()
    assert exe.read_text().strip().endswith("/probe")


def test_poststop_comes_when_the_container_is_gone(life, runtime, place):
    found = place / "found"
    one = life(poststop=[script(f"grep -c {runtime.name} /proc/mounts; find /sys/fs/cgroup -name '*ID*' >{found}")])
    one.bundle.config["hooks"]["poststop"][0]["args"][2] = f"find /sys/fs/cgroup -name '*{one.id}*' >{found}"
    one.bundle.write()
    through(one)
    assert found.read_text() == ""


# ---- with what


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        *((kind, "creating") for kind in BEFORE_START),
        ("startContainer", "created"),
        pytest.param("poststart", "running", marks=EARLY),
        ("poststop", "stopped"),
    ],
)
def test_the_state_comes_on_standard_input(life, place, kind, status):
    file = place / "shared" / "state"
    one = life(**{kind: [script(f"cat >{file}")]})
    one.bundle.config["annotations"] = {"org.example.key": "value"}
    shared(one, place)
    one.started()
    pid = one.state()["pid"]
    one.delete("--force")
    state = json.loads(file.read_text())
    assert (state["id"], state["status"], state["bundle"]) == (one.id, status, str(one.bundle.path))
    assert state["annotations"] == {"org.example.key": "value"}
    if kind in RUNTIME_HOOKS and kind != "poststop":
        assert state["pid"] == pid
    if kind in CONTAINER_HOOKS:
        assert state["pid"] == 1


def test_a_hook_need_not_read_its_input(life):
    one = life(prestart=[{"path": "/bin/true"}])
    one.bundle.config["annotations"] = {f"org.example.{number}": "x" * 1000 for number in range(200)}
    one.bundle.write()
    assert one.create().status == 0


def test_arguments_and_environment_are_those_of_the_config(life, place):
    file = place / "told"
    hook = script(f'echo "$0 $1 $A" >{file}')
    hook["args"] += ["zero", "one two"]
    hook["env"].append("A=a=b")
    life(prestart=[hook]).created()
    assert file.read_text() == "zero one two a=b\n"


@pytest.fixture
def environment_of(life, place, monkeypatch) -> Callable[..., list[str]]:
    """Tells the environment of a hook of a kind, as it was at execve(2)."""

    def tell(kind: str, **more: Any) -> list[str]:
        file = place / "shared" / "environment"
        line = f"exec 3</proc/self/environ; cat <&3 >{file}; :"  # the shell has to be there until the end
        one = life(**{kind: [{"path": "/bin/sh", "args": ["sh", "-c", line], **more}]})
        one.bundle.process["env"] = ["PATH=/bin", "OF_THE_PROGRAM=1"]
        shared(one, place)
        monkeypatch.setitem(one.runtime.environment, "OF_THE_CALLER", "1")
        through(one)
        return file.read_text().split("\0")[:-1]

    return tell


@pytest.mark.parametrize("kind", ALL)
def test_an_empty_env_is_empty(environment_of, kind):
    assert environment_of(kind, env=[]) == []


@pytest.mark.parametrize("kind", RUNTIME_HOOKS)
def test_without_env_it_is_the_callers(environment_of, kind):
    told = environment_of(kind)
    assert "OF_THE_CALLER=1" in told and f"PATH={os.environ['PATH']}" in told
    assert "OF_THE_PROGRAM=1" not in told


@pytest.mark.deviates("runc", "CVE-2025-23266: gives a program of the host what the image says, such as LD_PRELOAD")
def test_what_the_image_says_reaches_no_program_of_the_host(environment_of):
    told = environment_of("createContainer")
    assert "OF_THE_CALLER=1" in told and "OF_THE_PROGRAM=1" not in told


def test_without_env_a_start_container_hook_has_the_programs(environment_of):
    told = environment_of("startContainer")
    assert {"PATH=/bin", "OF_THE_PROGRAM=1"} <= set(told)
    assert any(pair.startswith("HOME=") for pair in told) and "OF_THE_CALLER=1" not in told


def test_nothing_of_the_callers_is_open_in_them(life, place):
    file = place / "descriptors"
    one = life(prestart=[script(f"ls /proc/$$/fd >{file}")])
    with open("/etc/hosts") as inherited:
        options = ["--bundle", str(one.bundle.path)]
        assert one.line("create", *options, one.id, pass_fds=[inherited.fileno()]).status == 0
        assert str(inherited.fileno()) not in set(file.read_text().split()) - {"0", "1", "2", "3"}


# ---- where


@pytest.mark.parametrize("kind", RUNTIME_HOOKS)
def test_in_the_namespaces_of_the_runtime(life, place, kind):
    file = place / "namespace"
    through(life(**{kind: [script(f"readlink /proc/self/ns/uts >{file}")]}))
    assert file.read_text().strip() == os.readlink("/proc/self/ns/uts")


@pytest.mark.parametrize("kind", CONTAINER_HOOKS)
def test_in_the_namespaces_of_the_container(life, place, kind):
    file = place / "shared" / "namespace"
    one = life(**{kind: [script(f"/bin/sh -c 'readlink /proc/self/ns/uts' >{file}")]})
    shared(one, place)
    one.started()
    assert file.read_text().strip() == os.readlink(f"/proc/{one.state()['pid']}/ns/uts")


def test_create_container_sees_the_host_and_the_mounts(life, place):
    """Before pivot_root: paths are the host's, and the container's mounts are made already."""
    file = place / "seen"
    one = life()
    line = f"ls {place} >/dev/null && grep -c {one.bundle.rootfs}/proc /proc/self/mounts >{file}"
    one.bundle.config["hooks"] = {"createContainer": [script(line)]}
    one.bundle.write()
    one.created()
    assert int(file.read_text()) >= 1


@pytest.mark.deviates("crun", "leaves it where the runtime is")
def test_create_container_begins_in_the_containers_root(life, place):
    file = place / "seen"
    one = life(createContainer=[script(f"pwd -P >{file}; ls >>{file}")])
    one.created()
    directory, *names = file.read_text().split()
    assert directory == str(one.bundle.rootfs) and "probe" in names


def test_start_container_sees_the_container(life, place):
    file = place / "shared" / "seen"
    one = life(startContainer=[script(f"ls / >{file}")])
    shared(one, place)
    one.started()
    assert "probe" in file.read_text().split()


@pytest.mark.parametrize("no_new_privs", [False, True])
@pytest.mark.deviates("crun", "loads it after the hooks where there is noNewPrivileges")
def test_a_start_container_hook_is_under_the_filter(life, place, no_new_privs):
    """It is a program of the image, like the container's own."""
    file = place / "shared" / "status"
    one = life(startContainer=[script(f"while read line; do echo $line; done </proc/self/status >{file}")])
    one.bundle.process["noNewPrivileges"] = no_new_privs
    one.bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW"}
    shared(one, place)
    one.started()
    told = file.read_text().splitlines()
    assert "Seccomp: 2" in told and f"NoNewPrivs: {int(no_new_privs)}" in told


def test_create_runtime_finds_the_process_in_its_namespaces(life, place):
    """Where an engine puts network devices into the container."""
    file = place / "namespace"
    one = life(createRuntime=[script(f"readlink /proc/$(sed 's/.*\"pid\": *\\([0-9]*\\).*/\\1/')/ns/net >{file}")])
    one.created()
    assert file.read_text().strip() == one.process.namespace("network")
    assert file.read_text().strip() != Process().namespace("network")


# ---- failure


@pytest.mark.parametrize("kind", BEFORE_START)
def test_a_failure_before_start_fails_create(life, runtime, place, kind):
    after = place / "after"
    one = life(**{kind: [script("echo the reason >&2; exit 3"), script(f"touch {after}")]})
    with nothing_left(runtime.name):
        refused = one.create()
        assert refused.status == 1
        assert "the reason" in refused.stderr
        if runtime.name == "minirun":  # as current runc does
            assert f"error running {kind} hook #0: " in refused.stderr
    assert not after.exists()
    assert one.call("state").status == 1


@pytest.mark.only("minirun", "others don't hear of it")
@pytest.mark.parametrize("kind", ["startContainer", "poststart"])
def test_a_failure_in_start_ends_and_deletes_the_container(life, runtime, place, kind):
    after = place / "after"
    one = life(**{kind: [script("echo the reason >&2; exit 3")], "poststop": [script(f"touch {after}")]})
    with nothing_left(runtime.name):
        refused = one.created().start()
        assert refused.status == 1
        assert "the reason" in refused.stderr and f"/hooks/{kind}/0" in refused.stderr
        assert f"error running {kind} hook #0: " in refused.stderr
    assert after.exists()


@pytest.mark.deviates("runc", "stops at the first failure")
def test_a_failure_of_poststop_is_a_warning_and_the_rest_run(life, runtime, place):
    after = place / "after"
    one = life(poststop=[script("exit 3"), script(f"touch {after}")]).created()
    with_warning = one.delete()
    assert with_warning.status == 0
    assert "warning" in with_warning.stderr and "error running poststop hook #0: " in with_warning.stderr
    assert after.exists()


@pytest.mark.parametrize("kind", ["createRuntime", "createContainer"])
def test_a_hook_that_takes_too_long_is_ended(life, runtime, kind):
    one = life(**{kind: [script("exec sleep 100", timeout=1)]})
    began = time.monotonic()
    with nothing_left(runtime.name):
        assert one.create().status == 1
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("path", ["/missing", "/etc/hostname"])
def test_a_hook_that_is_no_program_fails(life, runtime, path):
    one = life(prestart=[{"path": path}])
    with nothing_left(runtime.name):
        refused = one.create()
        assert refused.status == 1
    assert path in refused.stderr


def test_a_failed_create_runs_poststop(life, place):
    """runtime.md#lifecycle: after a hook's failure it goes on with the destruction and poststop."""
    after = place / "after"
    one = life(createRuntime=[script("exit 1")], poststop=[script(f"touch {after}")])
    assert one.create().status == 1
    assert after.exists()


def test_no_poststop_for_an_id_that_is_somebody_elses(life, place):
    after = place / "after"
    first, second = life().created(), life(poststop=[script(f"touch {after}")])
    second.id = first.id
    assert second.create().status == 1
    assert not after.exists()
