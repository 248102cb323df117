"""containerd by its own client, ctr."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from engines.kit.containerd import CTR, CTR_SYSTEMD, IMAGE
from engines.kit.engine import wait_until
from engines.kit.engines import on
from engines.kit.terminal import on_terminal

if TYPE_CHECKING:
    from engines.kit.containerd import Ctr

NAME = "box"
BOTH = (CTR, CTR_SYSTEMD)


def sleeper(engine: Ctr, *options: str) -> None:
    engine.start("--detach", "--null-io", *options, IMAGE, NAME, "sleep", "1000")


def execute(engine: Ctr, *words: str, status: int = 0) -> str:
    out: str = engine("task", "exec", "--exec-id=second", NAME, *words, status=status).out
    return out


@on(*BOTH, quick=(CTR,))
def test_run(engine: Ctr) -> None:
    """`run --rm` hands on output and exit status"""
    done = engine.start("--rm", IMAGE, NAME, "sh", "-c", "echo out; echo err >&2; exit 3", status=3)
    assert (done.out, done.err.split("\n")[0]) == ("out", "err")


@on(CTR)
def test_run_terminal(engine: Ctr) -> None:
    """`run -t`"""
    words = ["run", f"--runc-binary={engine.runtime.path}", "--rm", "-t", IMAGE, NAME, "sh", "-c", "tty; exit 4"]
    said, status = on_terminal([*engine.client(), *words], engine.environment())
    assert ("/dev/pts/0" in said, status) == (True, 4)


@on(*BOTH)
def test_exec(engine: Ctr) -> None:
    """`task exec`, and of what is not there"""
    sleeper(engine)
    assert execute(engine, "echo", "out") == "out"
    engine("task", "exec", "--exec-id=third", NAME, "sh", "-c", "exit 7", status=7)
    execute(engine, "missing", status=1)


@on(*BOTH)
def test_kill(engine: Ctr) -> None:
    """`task kill`, `task kill --all`, `task delete`"""
    sleeper(engine)
    engine("task", "kill", "--signal=SIGKILL", NAME)
    wait_until(lambda: "STOPPED" in engine("task", "ls").out, "the end")
    assert "process" in engine("task", "kill", NAME, status=1).err
    engine("task", "delete", NAME)


@on(*BOTH)
def test_kill_all(engine: Ctr) -> None:
    """`task kill --all`"""
    sleeper(engine, "--with-ns=pid:/proc/1/ns/pid")
    execute(engine, "sh", "-c", "sleep 1000 >/dev/null 2>&1 &")
    cgroup = engine.cgroup(NAME)
    assert len((cgroup / "cgroup.procs").read_text().split()) == 2
    engine("task", "kill", "--all", "--signal=SIGKILL", NAME)
    wait_until(lambda: "STOPPED" in engine("task", "ls").out, "the end")
    wait_until(lambda: not cgroup.exists() or not (cgroup / "cgroup.procs").read_text(), "the other's end")


@on(*BOTH)
def test_pause(engine: Ctr) -> None:
    """`task pause`, `task resume`"""
    sleeper(engine)
    engine("task", "pause", NAME)
    assert "PAUSED" in engine("task", "ls").out
    engine("task", "resume", NAME)
    assert execute(engine, "echo", "again") == "again"


@on(*BOTH)
def test_processes(engine: Ctr) -> None:
    """`task ps`"""
    sleeper(engine)
    lines = engine("task", "ps", NAME).out.split("\n")
    assert [line.split()[0] for line in lines] == ["PID", str(engine.pid(NAME))]


@on(*BOTH)
def test_metrics(engine: Ctr) -> None:
    """`task metrics`"""
    sleeper(engine)
    said = engine("task", "metrics", NAME).out
    assert "memory.usage" in said and "pids.current" in said


@on(*BOTH)
def test_limits(engine: Ctr) -> None:
    """`--memory-limit`, `--cpus`"""
    sleeper(engine, "--memory-limit=67108864", "--cpus=.5")
    cgroup = engine.cgroup(NAME)
    assert (cgroup / "memory.max").read_text() == "67108864\n"
    assert (cgroup / "cpu.max").read_text() == "50000 100000\n"


@on(CTR)
def test_rootfs(engine: Ctr, tmp_path: Path) -> None:
    """`--rootfs`: a directory in the place of an image"""
    (tmp_path / "bin").mkdir()
    engine.run(["cp", "/bin/busybox", f"{tmp_path}/bin/sh"])
    assert engine.start("--rm", "--rootfs", str(tmp_path), NAME, "/bin/sh", "-c", "echo out").out == "out"


@on(CTR)
def test_read_only(engine: Ctr) -> None:
    """`--read-only`"""
    assert "Read-only" in engine.start("--rm", "--read-only", IMAGE, NAME, "touch", "/a", status=1).err


@on(CTR)
def test_hosts_network(engine: Ctr) -> None:
    """`--net-host`"""
    here = engine.run(["readlink", f"/proc/{engine.daemon.process.pid}/ns/net"]).out
    assert engine.start("--rm", "--net-host", IMAGE, NAME, "readlink", "/proc/self/ns/net").out == here


@on(CTR)
def test_namespaces(engine: Ctr) -> None:
    """`--with-ns`: namespaces by their path"""
    words = ["--with-ns=network:/proc/1/ns/net", "--with-ns=uts:/proc/1/ns/uts", IMAGE, NAME]
    for name in ("net", "uts"):
        here = engine.run(["readlink", f"/proc/1/ns/{name}"]).out
        assert engine.start("--rm", *words, "readlink", f"/proc/self/ns/{name}").out == here


@on(CTR)
def test_mounts(engine: Ctr, tmp_path: Path) -> None:
    """`--mount`"""
    (tmp_path / "file").write_text("found")
    mount = f"--mount=type=bind,src={tmp_path},dst=/mnt,options=rbind:ro"
    assert engine.start("--rm", mount, IMAGE, NAME, "cat", "/mnt/file").out == "found"
    assert "Read-only" in engine.start("--rm", mount, IMAGE, NAME, "touch", "/mnt/x", status=1).err


@on(CTR)
def test_rights(engine: Ctr) -> None:
    """`--privileged`, `--seccomp`"""
    show = ["grep", "-E", "CapEff|Seccomp:|NoNew", "/proc/self/status"]
    assert engine.start("--rm", IMAGE, NAME, *show).out.split()[1::2] == ["00000000a80425fb", "1", "0"]
    assert engine.start("--rm", "--seccomp", IMAGE, NAME, *show).out.split()[5] == "2"
    assert int(engine.start("--rm", "--privileged", IMAGE, NAME, *show).out.split()[1], 16) > 1 << 36


@on(CTR)
def test_missing_command(engine: Ctr) -> None:
    """A command that is not there is told by its name"""
    done = engine.start("--rm", IMAGE, NAME, "missing", status=1)
    assert 'exec: "missing": executable file not found in $PATH' in done.err
