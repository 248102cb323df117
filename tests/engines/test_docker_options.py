"""Docker: what `run` lets one choose: rights, files, limits, networks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from engines.kit.engines import on
from engines.kit.image import IMAGE
from engines.test_docker import CGROUPFS, DEFAULT, NAME, NAMED, REMAP, sleeper

if TYPE_CHECKING:
    from engines.kit.docker import Docker

STATUS = ["grep", "-E", "Cap|Seccomp:|NoNew", "/proc/self/status"]


def status_of(engine: Docker, *options: str) -> dict[str, str]:
    lines = engine.start("--rm", *options, IMAGE, *STATUS).out.split("\n")
    return dict(line.split(":\t") for line in lines)


# ---- rights


@on(DEFAULT, REMAP)
def test_capabilities(engine: Docker) -> None:
    """Capabilities by default, `--cap-drop ALL --cap-add`, and of a user"""
    assert status_of(engine)["CapEff"] == status_of(engine)["CapBnd"] == "00000000a80425fb"
    few = status_of(engine, "--cap-drop=ALL", "--cap-add=NET_ADMIN")
    assert {few[name] for name in ("CapEff", "CapPrm", "CapBnd")} == {f"{1 << 12:016x}"}
    assert int(status_of(engine, "--cap-add=ALL", "--user=1000")["CapEff"], 16) == 0


@on(DEFAULT, CGROUPFS)
def test_privileged(engine: Docker) -> None:
    """`--privileged`: all capabilities and devices, no filter, /proc/sys writable"""
    status = status_of(engine, "--privileged")
    assert (status["CapEff"], status["Seccomp"]) == (status["CapBnd"], "0")
    script = "mount -t tmpfs none /tmp && test -w /proc/sys/kernel/domainname && test -e /dev/loop-control && echo yes"
    assert engine.start("--rm", "--privileged", IMAGE, "sh", "-c", script).out == "yes"


@on(DEFAULT)
def test_security(engine: Docker, tmp_path: Path) -> None:
    """`--security-opt`: seccomp=FILE, seccomp=unconfined, no-new-privileges"""
    profile = tmp_path / "profile.json"
    rule = {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}
    profile.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}))
    done = engine.start("--rm", f"--security-opt=seccomp={profile}", IMAGE, "mkdir", "/a", status=1)
    assert "Operation not permitted" in done.err
    assert status_of(engine)["Seccomp"] == "2"
    assert status_of(engine, "--security-opt=seccomp=unconfined")["Seccomp"] == "0"
    assert status_of(engine, "--security-opt=no-new-privileges")["NoNewPrivs"] == "1"


@pytest.mark.skipif(not Path("/sys/kernel/security/apparmor").is_dir(), reason="no AppArmor")
@on(DEFAULT)
def test_apparmor(engine: Docker) -> None:
    """AppArmor: docker-default, and unconfined"""
    show = ["cat", "/proc/self/attr/current"]
    assert engine.start("--rm", IMAGE, *show).out == "docker-default (enforce)"
    assert engine.start("--rm", "--security-opt=apparmor=unconfined", IMAGE, *show).out == "unconfined"
    assert "AppArmor" in engine.start("--rm", "--security-opt=apparmor=missing", IMAGE, "true", status=125).err


@on(DEFAULT, REMAP)
def test_user(engine: Docker) -> None:
    """`--user` by name and number, `--group-add`"""
    assert engine.start("--rm", "--user=somebody", IMAGE, "id").out.startswith("uid=1000(somebody) gid=1000(somebody)")
    numbers = engine.start("--rm", "--user=1000:1000", "--group-add=5", IMAGE, "id", "-G").out.split()
    assert numbers == ["1000", "5"]


@on(DEFAULT)
def test_init(engine: Docker) -> None:
    """`--init`: a first process that is not the command"""
    said = engine.start("--rm", "--init", IMAGE, "cat", "/proc/1/comm").out
    assert said in ("docker-init", "tini")


@on(REMAP)
def test_remapped_ids(engine: Docker) -> None:
    """`userns-remap`: root in the container is nobody outside"""
    sleeper(engine)
    first = engine("exec", NAME, "cat", "/proc/self/uid_map").out.split()
    assert first[0] == "0" and int(first[1]) >= 100000
    assert Path(f"/proc/{engine.pid(NAME)}").stat().st_uid == int(first[1])
    assert engine("exec", NAME, "stat", "-c", "%u", "/etc/passwd").out == "0"


@on(REMAP)
def test_remapped_with_the_hosts(engine: Docker) -> None:
    """`--userns host` in a daemon that remaps"""
    assert engine.start("--rm", "--userns=host", IMAGE, "cat", "/proc/self/uid_map").out.split()[1] == "0"


# ---- files


@on(DEFAULT)
def test_read_only(engine: Docker) -> None:
    """`--read-only`, with a `--tmpfs`"""
    assert "Read-only file system" in engine.start("--rm", "--read-only", IMAGE, "touch", "/a", status=1).err
    words = ["--read-only", "--tmpfs=/run:size=1m,mode=700,exec", IMAGE, "sh", "-c"]
    script = "touch /run/a && stat -c %a /run && df -k /run | grep -q ' 1024 ' && echo 1m"
    assert engine.start("--rm", *words, script).out.split() == ["700", "1m"]


@on(DEFAULT, REMAP)
def test_volumes(engine: Docker, tmp_path: Path) -> None:
    """`--volume`: a directory read-only, a file, a named one"""
    for directory in (tmp_path, *tmp_path.parents[:2]):
        directory.chmod(0o755)
    (tmp_path / "file").write_text("found\n")
    words = [f"--volume={tmp_path}:/v:ro", f"--volume={tmp_path}/file:/etc/f"]
    assert engine.start("--rm", *words, IMAGE, "cat", "/v/file", "/etc/f").out == "found\nfound"
    assert "Read-only file system" in engine.start("--rm", *words, IMAGE, "touch", "/v/x", status=1).err
    engine.start("--rm", "--volume=kept:/v", IMAGE, "sh", "-c", "echo kept >/v/file")
    assert engine.start("--rm", "--volume=kept:/v", IMAGE, "cat", "/v/file").out == "kept"
    engine("volume", "rm", "kept")


@on(DEFAULT)
def test_file_on_directory(engine: Docker, tmp_path: Path) -> None:
    """`--volume` of a file on a directory, and the other way round: “not a directory”"""
    file, directory = tmp_path / "file", tmp_path / "directory"
    file.touch()
    directory.mkdir()
    for what in (f"{file}:/etc", f"{directory}:/etc/passwd"):
        done = engine.start("--rm", f"--volume={what}", IMAGE, "true", status=125)
        assert "not a directory" in done.err
        assert "Are you trying to mount a directory onto a file (or vice-versa)?" in done.err


@on(DEFAULT, REMAP)
def test_devices(engine: Docker) -> None:
    """`--device` with rights; others are refused"""
    words = ["--device=/dev/fuse:/dev/mine:r", IMAGE, "sh", "-c"]
    assert engine.start("--rm", *words, "test -c /dev/mine && echo yes").out == "yes"
    done = engine.start("--rm", "--device=/dev/kmsg:/dev/mine:r", IMAGE, "sh", "-c", ": >/dev/mine", status=1)
    assert "Operation not permitted" in done.err


@on(DEFAULT)
def test_made_device(engine: Docker) -> None:
    """A device that a program makes for itself stays closed"""
    done = engine.start("--rm", IMAGE, "sh", "-c", "mknod /dev/mine c 1 11 && head -c1 /dev/mine", status=1)
    assert "Operation not permitted" in done.err


DEVICES = "console fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero"
MOUNTS = "/ /proc /dev /dev/pts /sys /sys/fs/cgroup /dev/mqueue /dev/shm /etc/resolv.conf /etc/hostname /etc/hosts"


@on(DEFAULT)
def test_what_is_there(engine: Docker) -> None:
    """/dev, the mounts and the open files are what the reference makes"""
    devices = engine.start("--rm", "-t", IMAGE, "sh", "-c", "ls /dev").out.split()
    assert {*devices} == {*DEVICES.split(), *(["core"] if Path("/proc/kcore").exists() else [])}
    mounts = engine.start("--rm", IMAGE, "sh", "-c", "cut -d' ' -f2 /proc/mounts").out.split("\n")
    assert " ".join(mounts[:11]) == MOUNTS
    assert set(mounts[11:]) >= {"/proc/bus", "/proc/sys", "/proc/kcore", "/sys/firmware"}
    assert len(engine.start("--rm", IMAGE, "sh", "-c", "echo /proc/self/fd/*").out.split()) <= 4


# ---- limits


def files(engine: Docker, *names: str) -> list[str]:
    cgroup = engine.cgroup(NAME)
    return [(cgroup / name).read_text().strip() for name in names]


@on(DEFAULT, NAMED, CGROUPFS, REMAP)
def test_limits(engine: Docker) -> None:
    """`--memory`, `--memory-reservation`, `--cpus`, `--pids-limit` are the cgroup's"""
    sleeper(engine, "--memory=64m", "--memory-reservation=32m", "--cpus=.5", "--pids-limit=9")
    found = files(engine, "memory.max", "memory.low", "memory.swap.max", "cpu.max", "pids.max")
    assert found == ["67108864", "33554432", "67108864", "50000 100000", "9"]


@on(DEFAULT, CGROUPFS)
def test_update(engine: Docker) -> None:
    """`update` changes what it names, and nothing else"""
    sleeper(engine, "--pids-limit=9")
    engine("update", "--memory=64m", "--memory-swap=128m", "--cpus=.5", NAME)
    assert files(engine, "memory.max", "memory.swap.max", "cpu.max", "pids.max") == [
        "67108864",
        "67108864",
        "50000 100000",
        "9",
    ]
    engine("update", "--memory-reservation=32m", "--pids-limit=20", NAME)
    assert files(engine, "memory.max", "memory.low", "cpu.max", "pids.max") == [
        "67108864",
        "33554432",
        "50000 100000",
        "20",
    ]


@on(DEFAULT, CGROUPFS)
def test_shares(engine: Docker) -> None:
    """`--cpu-shares`, at `run` and by `update`"""
    sleeper(engine, "--cpu-shares=2048")
    (weight,) = files(engine, "cpu.weight")
    assert int(weight) > 1
    engine("update", "--cpu-shares=512", NAME)
    assert int(files(engine, "cpu.weight")[0]) < int(weight)


@on(DEFAULT, CGROUPFS)
def test_out_of_memory(engine: Docker) -> None:
    """Out of memory: `OOMKilled`"""
    script = "dd if=/dev/zero of=/dev/null bs=64M; echo $?; sleep 3"  # the event has to come before the cgroup goes
    words = [f"--name={NAME}", "--memory=16m", "--memory-swap=16m", IMAGE, "sh", "-c", script]
    assert engine.start(*words).out == "137"
    assert engine.inspect(NAME, ".State.OOMKilled") == "true"


@on(DEFAULT)
def test_ulimit(engine: Docker) -> None:
    """`--ulimit`, `--oom-score-adj`, `--shm-size`"""
    words = ["--ulimit=nofile=100:200", "--oom-score-adj=500", "--shm-size=8m", IMAGE, "sh", "-c"]
    script = "ulimit -n; ulimit -Hn; cat /proc/self/oom_score_adj; grep -o size=8192k /proc/mounts"
    assert engine.start("--rm", *words, script).out.split() == ["100", "200", "500", "size=8192k"]


@on(DEFAULT)
def test_sysctl(engine: Docker) -> None:
    """`--sysctl`; one that is not there is an error"""
    words = ["--sysctl=net.ipv4.ip_forward=1", "--sysctl=kernel.msgmax=9999", IMAGE, "cat"]
    files = ["/proc/sys/net/ipv4/ip_forward", "/proc/sys/kernel/msgmax"]
    assert engine.start("--rm", *words, *files).out.split() == ["1", "9999"]
    engine.start("--rm", "--sysctl=net.core.nothing=1", IMAGE, "true", status=127)


@on(DEFAULT, CGROUPFS)
def test_cgroup_parent(engine: Docker) -> None:
    """`--cgroup-parent`, `--cgroupns host`"""
    parent = "/mine" if engine.name == CGROUPFS else "mine.slice"
    sleeper(engine, f"--cgroup-parent={parent}")
    assert engine.cgroup(NAME).parent.name == parent.strip("/")
    assert engine.start("--rm", IMAGE, "cat", "/proc/self/cgroup").out == "0::/"
    assert "docker" in engine.start("--rm", "--cgroupns=host", IMAGE, "cat", "/proc/self/cgroup").out


@on(DEFAULT)
def test_block_limits(engine: Docker) -> None:
    """`--device-read-bps`"""
    disk = "/dev/ubda" if Path("/dev/ubda").exists() else "/dev/vda"
    sleeper(engine, f"--device-read-bps={disk}:1mb")
    assert "rbps=1048576" in files(engine, "io.max")[0]
