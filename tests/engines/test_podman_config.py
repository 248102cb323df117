"""Podman: what can be asked for a container, and what the kernel then has."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from kernel.kit import needs
from kernel.kit.outside import Process

from engines.kit.engines import on
from engines.kit.image import IMAGE
from engines.kit.podman import ALL, BOTH, ROOT, ROOTLESS, ROOTLESS_CGROUPFS

if TYPE_CHECKING:
    from engines.kit.podman import Podman

IN_A_CGROUP = tuple(name for name in ALL if name != ROOTLESS_CGROUPFS)  # Podman makes none there


# ---- limits


@on(*IN_A_CGROUP, quick=BOTH)
def test_limits(engine: Podman) -> None:
    """`--memory`, `--cpus`, `--pids-limit`, `update`: what the cgroup's files say"""
    one = engine.start("--memory=64m", "--memory-swap=96m", "--cpus=0.5", "--cpu-shares=512", "--pids-limit=33")
    cgroup = engine.cgroup(one)
    names = ("memory.max", "memory.swap.max", "cpu.max", "pids.max")
    assert [(cgroup / name).read_text().strip() for name in names] == ["67108864", "33554432", "50000 100000", "33"]
    engine("update", "--memory=80m", "--memory-swap=80m", "--cpus=0.25", one)
    assert [(cgroup / name).read_text().strip() for name in names] == ["83886080", "0", "25000 100000", "33"]


HOG = ("sh", "-c", "x=x; while true; do x=$x$x; done")


@on(*BOTH)
def test_out_of_memory(engine: Podman) -> None:
    """out of memory: the kernel ends who took it, and nobody else"""
    one = engine.start("--memory=16m", "--memory-swap=16m")
    engine("exec", one, *HOG, status=137)
    assert "oom_kill 1\n" in (engine.cgroup(one) / "memory.events").read_text()
    engine("exec", one, "true")


@needs.command("! grep -q 'User Mode Linux' /proc/cpuinfo", "conmon does not hear of it in User-mode Linux")
@on(*BOTH)
def test_out_of_memory_is_told(engine: Podman) -> None:
    """out of memory: `OOMKilled`"""
    engine("run", "--name=one", "--network=none", "--memory=16m", "--memory-swap=16m", IMAGE, *HOG, status=137)
    assert engine.inspect("one", ".State.OOMKilled") == "true"


@on(*BOTH)
def test_pids_limit(engine: Podman) -> None:
    """`--pids-limit` stops a fork bomb, and the container can be removed"""
    one = engine.start("--pids-limit=20", IMAGE, "sh", "-c", "f() { f | f & }; trap '' CHLD; f; sleep 1000")
    assert (engine.cgroup(one) / "pids.max").read_text().strip() == "20"
    engine("rm", "--force", "--time=0", one)
    engine.said = [line for line in engine.said if "resorting to SIGKILL" not in line]


@needs.controller("cpuset")
@on(ROOT, ROOTLESS)
def test_cpuset(engine: Podman) -> None:
    """`--cpuset-cpus`"""
    assert engine.output("--cpuset-cpus=1", IMAGE, "grep", "Cpus_allowed_list", "/proc/self/status").split()[1] == "1"


@on(*BOTH)
def test_ulimit(engine: Podman) -> None:
    """`--ulimit`, `--oom-score-adj`, `--umask`, `--shm-size`"""
    words = ["--ulimit=nofile=99:101", "--oom-score-adj=500", "--umask=0027", "--shm-size=2m"]
    program = "ulimit -Sn; ulimit -Hn; cat /proc/self/oom_score_adj; umask; df -k /dev/shm | tail -n 1"
    said = engine.output(*words, IMAGE, "sh", "-c", program).split()
    assert [*said[:4], said[5]] == ["99", "101", "500", "0027", "2048"]


# ---- cgroups


@on(*IN_A_CGROUP)
def test_cgroup_parent(engine: Podman) -> None:
    """`--cgroup-parent`: below it"""
    systemd = engine.kind.manager == "systemd"
    parent = ("user-of.slice" if engine.rootless else "machine-of.slice") if systemd else "/of"
    one = engine.start(f"--cgroup-parent={parent}")
    assert parent.strip("/") in engine.cgroup(one).parts


@on(ROOT)
def test_cgroups_disabled(engine: Podman) -> None:
    """`--cgroups=disabled`: where the engine is"""
    one = engine.start("--cgroups=disabled")
    assert "libpod-" not in engine.cgroup(one).name


@on(ROOT, ROOTLESS)
def test_cgroups_split(engine: Podman) -> None:
    """`--cgroups=split`: below the unit in which Podman runs"""
    words = [*engine.client()]
    bus = ["--user"] if engine.rootless else []
    keep = [f"--setenv={name}={value}" for name, value in engine.environment().items()]
    unit = ["systemd-run", *bus, "--quiet", "--pipe", "--wait", "--property=Delegate=yes", *keep, "podman"]
    run = ["run", "--rm", "--network=none", "--cgroups=split", "--cgroupns=host", IMAGE, "cat", "/proc/self/cgroup"]
    done = engine.run([*words[:-1], *unit, *run] if engine.rootless else [*unit, *run])
    assert done.status == 0, done
    assert ".service/" in done.out
    assert "libpod-payload" in done.out


@on(*BOTH)
def test_systemd(engine: Podman) -> None:
    """`--systemd=always`: tmpfs on /run, a cgroup that the container may write to"""
    program = "grep -c ' /run tmpfs' /proc/mounts; mkdir /sys/fs/cgroup/below && echo made; echo $container"
    assert engine.output("--systemd=always", IMAGE, "sh", "-c", program).split() == ["1", "made", "podman"]


# ---- rights


def capabilities(engine: Podman, *words: str) -> int:
    said = engine.output(*words, IMAGE, "grep", "CapEff", "/proc/self/status")
    return int(said.split()[1], 16)


@on(*BOTH)
def test_capabilities(engine: Podman) -> None:
    """`--cap-add`, `--cap-drop`, `--privileged`"""
    assert capabilities(engine, "--cap-drop=all", "--cap-add=net_raw,sys_admin") == 1 << 13 | 1 << 21
    assert capabilities(engine, "--privileged") == int(Process().status()["CapBnd"], 16)


@on(*BOTH)
def test_seccomp(engine: Podman) -> None:
    """`--security-opt seccomp=FILE` and `=unconfined`, `no-new-privileges`"""
    profile = Path("/run/engines-seccomp.json")
    forbidden = {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13}
    profile.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [forbidden]}))
    program = "mkdir /tmp/x 2>&1; grep -E '^(Seccomp|NoNewPrivs):' /proc/self/status"
    one, two = f"--security-opt=seccomp={profile}", "--security-opt=no-new-privileges"
    said = engine.output(one, two, IMAGE, "sh", "-c", program)
    assert "Permission denied" in said
    assert said.split()[-4:] == ["NoNewPrivs:", "1", "Seccomp:", "2"]
    said = engine.output("--security-opt=seccomp=unconfined", IMAGE, "sh", "-c", program)
    assert said.split() == ["NoNewPrivs:", "0", "Seccomp:", "0"]


@on(*BOTH)
def test_masks(engine: Podman) -> None:
    """`--security-opt mask=…` and `unmask=…`"""
    program = "wc -c </etc/passwd; touch /proc/sys/kernel/x 2>&1; grep -c ' /proc/[a-z-]* ' /proc/mounts; true"
    masked, *_, mounts = engine.output("--security-opt=mask=/etc/passwd", IMAGE, "sh", "-c", program).splitlines()
    assert masked == "0"
    assert int(mounts) > 5
    assert engine.output("--security-opt=unmask=ALL", IMAGE, "sh", "-c", program).splitlines()[-1] == "0"


@needs.command("grep -q Y /sys/module/apparmor/parameters/enabled", "this kernel has no AppArmor")
@on(ROOT)
def test_apparmor(engine: Podman) -> None:
    """AppArmor: Podman's profile, and `apparmor=unconfined`"""
    read = (IMAGE, "cat", "/proc/self/attr/current")
    assert engine.output(*read).startswith("containers-default")
    assert engine.output("--security-opt=apparmor=unconfined", *read) == "unconfined"


@on(*BOTH)
def test_device(engine: Podman) -> None:
    """`--device`"""
    assert "10, 229" in engine.output("--device=/dev/fuse", IMAGE, "ls", "-l", "/dev/fuse")


@on(ROOT)
def test_device_rights(engine: Podman) -> None:
    """`--device …:r`: no more rights than named"""
    program = "true </dev/given && echo read; true >/dev/given && echo written; true"
    said = engine.output("--device=/dev/loop-control:/dev/given:r", IMAGE, "sh", "-c", f"({program}) 2>/dev/null")
    assert said.split() == ["read"]


# ---- files


@on(*BOTH)
def test_volumes(engine: Podman) -> None:
    """`-v`: a directory, one that is read-only, a named volume; `--tmpfs`, `--read-only`"""
    there = Path("/run/engines-volume")
    there.mkdir(exist_ok=True)
    there.chmod(0o777)
    (there / "file").write_text("of the host\n")
    words = [f"-v={there}:/rw", f"-v={there}:/ro:ro", "-v=named:/named", "--tmpfs=/mem:size=1m", "--read-only"]
    program = "cat /rw/file; for d in / /rw /ro /named /mem; do touch $d/new 2>/dev/null && echo $d; done; true"
    assert engine.output(*words, IMAGE, "sh", "-c", program).split()[3:] == ["/rw", "/named", "/mem"]
    assert (there / "new").exists()
    (there / "new").unlink()


@on(*BOTH)
def test_rootfs(engine: Podman) -> None:
    """`--rootfs DIRECTORY`, `--workdir`, `--hostname`, `--group-add`, `--user`"""
    root = Path(f"/run/engines-rootfs-{engine.kind.user}")
    if not root.exists():
        root.mkdir()
        subprocess.run(["tar", "-xf", "/run/engines-busybox.tar", "-C", root], check=True)
        subprocess.run(["chown", "-R", f"{engine.kind.user}:", root], check=True)
    words = ["--user=1000", "--group-add=2000", "--hostname=here", "--workdir=/tmp", "--rootfs", str(root)]
    assert engine.output(*words, "sh", "-c", "id -u; id -G; hostname; pwd").split("\n") == [
        "1000",
        "1000 2000",
        "here",
        "/tmp",
    ]


# ---- namespaces


@on(*BOTH)
def test_network_none(engine: Podman) -> None:
    """`--network=none`"""
    assert engine.output(IMAGE, "sh", "-c", "ls /sys/class/net").split() == ["lo"]


@on(*BOTH)
def test_network_host(engine: Podman) -> None:
    """`--network=host`"""
    said = engine("run", "--rm", "--network=host", IMAGE, "readlink", "/proc/self/ns/net").out
    assert said == Process().namespace("network")


@on(ROOT)
def test_network_path(engine: Podman) -> None:
    """`--network=ns:PATH`: somebody else's, the host's too"""
    subprocess.run(["ip", "netns", "add", "engines"], check=True)
    try:
        for path in ("/run/netns/engines", "/proc/1/ns/net"):
            said = engine(
                "run", "--rm", f"--network=ns:{path}", IMAGE, "stat", "-L", "-c", "%i", "/proc/self/ns/net"
            ).out
            assert int(said) == Path(path).stat().st_ino
    finally:
        subprocess.run(["ip", "netns", "delete", "engines"], check=True)


@on(ROOT)
def test_network_bridge(engine: Podman) -> None:
    """`--network=bridge`: two containers reach each other, and a published port the host"""
    serve = "while true; do echo served | nc -l -p 80; done"
    engine("run", "-d", "--name=server", "--publish=8080:80", IMAGE, "sh", "-c", serve)
    address = engine.inspect("server", ".NetworkSettings.IPAddress")
    assert engine("run", "--rm", IMAGE, "nc", address, "80").out == "served"
    assert engine.run(["busybox", "nc", "127.0.0.1", "8080"]).out == "served"


@on(ROOTLESS)
def test_network_slirp(engine: Podman) -> None:
    """`--network=slirp4netns`"""
    assert "10.0.2.100" in engine("run", "--rm", "--network=slirp4netns", IMAGE, "ip", "address").out


@on(*BOTH)
def test_network_of_a_container(engine: Podman) -> None:
    """`--network`, `--ipc`, `--pid` of another container"""
    one = engine.start("--ipc=shareable")
    words = [f"--network=container:{one}", f"--ipc=container:{one}", f"--pid=container:{one}"]
    program = "for kind in net ipc pid; do readlink /proc/self/ns/$kind; done"
    said = engine("run", "--rm", *words, IMAGE, "sh", "-c", program).out
    other = Process(engine.pid(one))
    assert said.split() == [other.namespace(kind) for kind in ("network", "ipc", "pid")]


@on(*BOTH)
def test_namespaces_of_the_host(engine: Podman) -> None:
    """`--pid`, `--ipc`, `--uts`, `--cgroupns` of the host"""
    program = "for kind in pid ipc uts cgroup; do readlink /proc/self/ns/$kind; done"
    words = [f"--{kind}=host" for kind in ("pid", "ipc", "uts", "cgroupns")]
    said = engine.output(*words, IMAGE, "sh", "-c", program)
    assert said.split() == [Process().namespace(kind) for kind in ("pid", "ipc", "uts", "cgroup")]


@on(*BOTH)
def test_sysctl(engine: Podman) -> None:
    """`--sysctl`"""
    said = engine.output(
        "--sysctl=net.ipv4.ip_forward=1",
        "--sysctl=kernel.msgmax=4096",
        IMAGE,
        "cat",
        "/proc/sys/net/ipv4/ip_forward",
        "/proc/sys/kernel/msgmax",
    )
    assert said.split() == ["1", "4096"]


@on(*BOTH)
def test_users_auto(engine: Podman) -> None:
    """`--userns=auto`"""
    said = engine.output("--userns=auto", IMAGE, "sh", "-c", "id -u; cat /proc/self/uid_map").split()
    assert (said[0], said[1]) == ("0", "0")
    assert int(said[2]) > 0


@on(ROOTLESS)
def test_users_keep(engine: Podman) -> None:
    """`--userns=keep-id`, `nomap`, `host`"""
    assert engine.output("--userns=keep-id", IMAGE, "id", "-u") == "1000"
    assert engine.output("--userns=nomap", IMAGE, "sh", "-c", "id -u; grep -c . /proc/self/uid_map").split()[0] == "0"
    assert engine.output("--userns=host", IMAGE, "id", "-u") == "0"


@on(*BOTH)
def test_users_map(engine: Podman) -> None:
    """`--uidmap`, `--gidmap`"""
    said = engine.output("--uidmap=0:1000:500", "--gidmap=0:2000:500", IMAGE, "sh", "-c", "cat /proc/self/[ug]id_map")
    assert said.split()[::3] == ["0", "0"]
    assert said.split()[2::3] == ["500", "500"]


# ---- hooks


@on(ROOT)
def test_hooks(engine: Podman) -> None:
    """`--hooks-dir`: a hook of each kind runs"""
    folder, log = Path("/run/engines-hooks"), Path("/run/engines-hooks.log")
    folder.mkdir(exist_ok=True)
    log.write_text("")
    stages = ["prestart", "createRuntime", "createContainer", "poststart", "poststop"]
    for stage in stages:
        hook = {"path": "/bin/sh", "args": ["sh", "-c", f"echo {stage} >>{log}"]}
        what = {"version": "1.0.0", "hook": hook, "when": {"always": True}, "stages": [stage]}
        (folder / f"{stage}.json").write_text(json.dumps(what))
    engine(f"--hooks-dir={folder}", "run", "--rm", "--network=none", IMAGE, "true")
    assert log.read_text().split() == stages
