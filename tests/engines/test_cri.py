"""containerd by CRI, as a kubelet uses it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from engines.kit.containerd import CRI, CRI_SYSTEMD, IMAGE
from engines.kit.cri import CallFailed, decode
from engines.kit.engine import wait_until
from engines.kit.engines import on
from engines.kit.podman import cgroup_of

if TYPE_CHECKING:
    from engines.kit.containerd import Cri
    from engines.kit.cri import Message

BOTH = (CRI, CRI_SYSTEMD)
RUNNING, EXITED = 1, 2  # ContainerState
POD, HOSTS = 0, 2  # NamespaceMode
PATIENT = 60  # seconds to a SIGKILL, which containerd may otherwise want to send as it takes the container away


def pod(engine: Cri, **security: int) -> tuple[str, Message]:
    """A pod sandbox that runs, and its configuration."""
    parent = "pods.slice" if engine.systemd else "/pods"
    context: Message = {1: {1: security.get("network", POD), 2: security.get("pid", POD)}}
    config: Message = {
        1: {1: "pod", 2: "uid", 3: "default"},
        2: "" if security.get("network") else "pod",
        4: {},
        8: {1: parent, 2: context, 3: [{1: "kernel.msgmax", 2: "9999"}]},
    }
    return text(engine.ask("RunPodSandbox", {1: config, 2: engine.handler}), 1), config


def container(engine: Cri, where: tuple[str, Message], *command: str, started: bool = True, **more: Message) -> str:
    config = {1: {1: command[-1][:8]}, 2: {1: IMAGE}, 3: list(command)}
    config |= {7: more.get("mounts", []), 15: more.get("linux", {})}
    name = text(engine.ask("CreateContainer", {1: where[0], 2: config, 3: where[1]}), 1)
    if started:
        engine.ask("StartContainer", {1: name})
    return name


def text(message: Message, number: int) -> str:
    return b"".join(message.get(number, [])).decode()


def execute(engine: Cri, name: str, *command: str) -> tuple[str, str, int]:
    """Standard output, standard error and exit status."""
    done = engine.ask("ExecSync", {1: name, 2: list(command), 3: 60})
    return text(done, 1), text(done, 2), done.get(3, [0])[0]


def status(engine: Cri, name: str) -> Message:
    found: Message = decode(engine.ask("ContainerStatus", {1: name})[1][0])
    return found


def state(engine: Cri, name: str) -> int:
    found: int = status(engine, name).get(3, [0])[0]
    return found


def wait_for_end(engine: Cri, name: str) -> Message:
    wait_until(lambda: state(engine, name) == EXITED, "the container's end")
    return status(engine, name)


@on(*BOTH, quick=(CRI,))
def test_life(engine: Cri) -> None:
    """A pod and a container, from RunPodSandbox to RemovePodSandbox"""
    where = pod(engine)
    name = container(engine, where, "sleep", "1000", started=False)
    assert state(engine, name) == 0
    engine.ask("StartContainer", {1: name})
    assert state(engine, name) == RUNNING
    engine.ask("StopContainer", {1: name, 2: PATIENT})
    assert status(engine, name)[7] == [143]  # the pod's first process is another, so this one hears SIGTERM
    engine.ask("RemoveContainer", {1: name})
    engine.ask("StopPodSandbox", {1: where[0]})
    assert decode(engine.ask("PodSandboxStatus", {1: where[0]})[1][0])[3] == [1]
    engine.ask("RemovePodSandbox", {1: where[0]})


@on(*BOTH)
def test_exec(engine: Cri) -> None:
    """ExecSync hands on output and exit status"""
    name = container(engine, pod(engine), "sleep", "1000")
    assert execute(engine, name, "sh", "-c", "echo out; echo err >&2; exit 7") == ("out\n", "err\n", 7)
    with pytest.raises(CallFailed, match=r"no such file or directory|not found"):
        execute(engine, name, "missing")


@on(*BOTH)
def test_end(engine: Cri) -> None:
    """ContainerStatus tells the exit code and the reason: Completed, Error"""
    where = pod(engine)
    good = wait_for_end(engine, container(engine, where, "true"))
    bad = wait_for_end(engine, container(engine, where, "sh", "-c", "exit 3"))
    assert (good.get(7, [0]), text(good, 10)) == ([0], "Completed")
    assert (bad[7], text(bad, 10)) == ([3], "Error")


@on(*BOTH)
def test_out_of_memory(engine: Cri) -> None:
    """The reason OOMKilled"""
    script = "dd if=/dev/zero of=/dev/null bs=64M; sleep 3"  # the event has to come before the cgroup goes
    name = container(engine, pod(engine), "sh", "-c", script, linux={1: {4: 16 << 20}})
    assert text(wait_for_end(engine, name), 10) == "OOMKilled"


@on(*BOTH)
def test_limits(engine: Cri) -> None:
    """Limits of memory and processor, changed by UpdateContainerResources"""
    name = container(engine, pod(engine), "sleep", "1000", linux={1: {1: 100000, 2: 50000, 3: 512, 4: 64 << 20}})
    show = ["cat", "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/cpu.max"]
    assert execute(engine, name, *show)[0].split() == ["67108864", "50000", "100000"]
    engine.ask("UpdateContainerResources", {1: name, 2: {1: 100000, 2: 20000, 4: 128 << 20}})
    assert execute(engine, name, *show)[0].split() == ["134217728", "20000", "100000"]


@on(*BOTH)
def test_what_a_pod_shares(engine: Cri) -> None:
    """Containers of a pod have its network, host name and sysctls; one has its mounts"""
    where = pod(engine)
    first, second = container(engine, where, "sleep", "1000"), container(engine, where, "sleep", "1001")
    for name in ("net", "ipc", "uts"):
        show = ["readlink", f"/proc/self/ns/{name}"]
        assert execute(engine, first, *show) == execute(engine, second, *show)
    assert execute(engine, first, "hostname")[0] == "pod\n"
    assert execute(engine, first, "cat", "/proc/sys/kernel/msgmax")[0] == "9999\n"
    assert "eth0" in execute(engine, first, "ls", "/sys/class/net")[0]


@on(CRI)
def test_hosts_namespaces(engine: Cri) -> None:
    """A pod in the host's network and pid namespaces"""
    name = container(engine, pod(engine, network=HOSTS, pid=HOSTS), "sleep", "1000")
    assert execute(engine, name, "cat", "/proc/1/comm")[0] == "systemd\n"
    engine.ask("StopContainer", {1: name, 2: PATIENT})


@on(CRI)
def test_mounts(engine: Cri, tmp_path: Path) -> None:
    """A directory of the host's, read-only"""
    (tmp_path / "file").write_text("found")
    name = container(engine, pod(engine), "sleep", "1000", mounts=[{1: "/mnt", 2: str(tmp_path), 3: 1}])
    assert execute(engine, name, "cat", "/mnt/file")[0] == "found"
    assert "Read-only" in execute(engine, name, "touch", "/mnt/x")[1]


@on(CRI)
def test_security(engine: Cri) -> None:
    """Privileged, and a user without new privileges"""
    # LinuxContainerSecurityContext: 2 privileged; 5 run_as_user; 11 no_new_privs
    name = container(engine, pod(engine), "sleep", "1000", linux={2: {5: {1: 1000}, 11: 1}})
    assert execute(engine, name, "id", "-u")[0] == "1000\n"
    assert execute(engine, name, "grep", "NoNew", "/proc/self/status")[0] == "NoNewPrivs:\t1\n"


@on(CRI)
def test_missing_command(engine: Cri) -> None:
    """StartContainer of what is not there is told by its name; the reason is StartError"""
    name = container(engine, pod(engine), "missing", started=False)
    with pytest.raises(CallFailed, match='exec: "missing": executable file not found in'):
        engine.ask("StartContainer", {1: name})
    assert (status(engine, name)[7], text(status(engine, name), 10)) == ([128], "StartError")


@on(*BOTH)
def test_processes_end_with_their_pod(engine: Cri) -> None:
    """StopPodSandbox ends all of a pod"""
    where = pod(engine)
    name = container(engine, where, "sh", "-c", "sleep 999 & sleep 1000")
    info = engine.run(["pgrep", "-f", "^sleep 999"]).out.split()
    assert len(info) == 1
    cgroup = cgroup_of(int(info[0]))
    engine.ask("StopPodSandbox", {1: where[0]})
    assert state(engine, name) == EXITED
    wait_until(lambda: not cgroup.exists(), "no cgroup")
