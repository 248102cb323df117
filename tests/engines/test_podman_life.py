"""Podman: containers from the first command to the last."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from engines.kit.engine import wait_until
from engines.kit.engines import on
from engines.kit.image import IMAGE
from engines.kit.podman import ALL, BOTH, ROOT, ROOTLESS

if TYPE_CHECKING:
    import pytest

    from engines.kit.podman import Podman


# ---- run


@on(*ALL, quick=ALL)
def test_run(engine: Podman) -> None:
    """`run --rm` hands on output and exit status"""
    done = engine("run", "--rm", IMAGE, "sh", "-c", "echo out; echo err >&2; exit 3", status=3)
    assert (done.out, done.err) == ("out", "err")


@on(*BOTH)
def test_run_detached(engine: Podman) -> None:
    """`run -d`, `wait`, `logs`"""
    engine("run", "-d", "--name=one", "--network=none", IMAGE, "sh", "-c", "echo out; echo err >&2; exit 5")
    assert engine("wait", "one").out == "5"
    done = engine("logs", "one")
    assert (done.out, done.err) == ("out", "err")
    engine.said.remove("err")


@on(*BOTH)
def test_run_interactive(engine: Podman) -> None:
    """`run -i`: standard input to its end"""
    assert engine("run", "-i", "--rm", "--network=none", IMAGE, "cat", stdin="line\n").out == "line"


@on(*BOTH)
def test_run_terminal(engine: Podman) -> None:
    """`run -t`: the program has a terminal"""
    done = engine.output("-t", IMAGE, "sh", "-c", "tty; test -t 0 && test -t 1 && echo both")
    assert done.split() == ["/dev/pts/0", "both"]


@on(*BOTH)
def test_run_typed(engine: Podman) -> None:
    """`run -it` on a terminal: what is typed arrives, Ctrl-C is SIGINT, the window's size is the terminal's"""
    program = (
        "trap 'echo interrupted; exit 9' INT; stty size; read line; echo got $line; while true; do sleep 0.1; done"
    )
    run = ["run", "-it", "--rm", "--network=none", IMAGE, "sh", "-c", program]
    somebody = engine.typing(*run, rows=33, columns=99)
    somebody.sees("33 99")
    somebody.types("word\n")
    somebody.sees("got word")
    somebody.types("\x03")
    somebody.sees("interrupted")
    assert somebody.status() == 9


@on(*BOTH, quick=[ROOTLESS])
def test_missing_command(engine: Podman) -> None:
    """a command that is not there: exit status 127, and nothing is left"""
    for command in ("/nowhere", "nowhere"):
        engine("run", "--rm", "--network=none", IMAGE, command, status=127)
    assert engine("ps", "-aq").out == ""


@on(*BOTH)
def test_directory_as_command(engine: Podman) -> None:
    """a directory, or a file without `x`, as the command: exit status 126"""
    for command in ("/etc", "/etc/passwd"):
        engine("run", "--rm", "--network=none", IMAGE, command, status=126)


@on(*BOTH)
def test_short_lives(engine: Podman, request: pytest.FixtureRequest) -> None:
    """containers that end at once, one after the other (`--lives 1000`)"""
    for _ in range(request.config.getoption("--lives")):
        done = engine("run", "--rm", "--network=none", IMAGE, "true")
        assert (done.out, done.err) == ("", "")


@on(*BOTH)
def test_create_init_start(engine: Podman) -> None:
    """`create`, `init`, `start --attach`"""
    engine("create", "--name=one", "--network=none", IMAGE, "echo", "late")
    engine("init", "one")
    assert engine.inspect("one", ".State.Status") in ("initialized", "created")
    assert engine("start", "--attach", "one").out == "late"


@on(*BOTH)
def test_init_process(engine: Podman) -> None:
    """`--init`: an init of Podman's is process 1"""
    said = engine.output("--init", IMAGE, "sh", "-c", "cat /proc/1/cmdline | tr '\\0' ' '; echo $$")
    assert "init" in said.split()[0]
    assert said.split()[-1] != "1"


@on(*BOTH)
def test_timeout(engine: Podman) -> None:
    """`--timeout`: ended after so many seconds"""
    engine("run", "--rm", "--network=none", "--timeout=8", IMAGE, "sleep", "1000", status=255)


# ---- exec


@on(*ALL, quick=[ROOT])
def test_exec(engine: Podman) -> None:
    """`exec`: output, exit status, user, directory, variables, input"""
    one = engine.start()
    words = ["--user=1000:1000", "--workdir=/tmp", "--env=A=b", "-i", one, "sh", "-c"]
    done = engine("exec", *words, "id -u; pwd; echo $A; cat; exit 4", stdin="in", status=4)
    assert done.out.split() == ["1000", "/tmp", "b", "in"]


@on(*BOTH)
def test_exec_terminal(engine: Podman) -> None:
    """`exec -t`, `exec -d`"""
    one = engine.start()
    assert engine("exec", "-t", one, "tty").out.strip() == "/dev/pts/0"
    engine("exec", "-d", one, "touch", "/tmp/there")
    wait_until(lambda: "there" in engine("exec", one, "ls", "/tmp").out, "the file")


@on(*BOTH)
def test_exec_missing(engine: Podman) -> None:
    """`exec` of what is not there or is a directory: 127, 126"""
    one = engine.start()
    engine("exec", one, "/nowhere", status=127)
    engine("exec", one, "nowhere", status=127)
    engine("exec", one, "/etc", status=126)


@on(*BOTH)
def test_exec_storm(engine: Podman) -> None:
    """twenty times `exec` at once"""
    one = engine.start()
    running = [engine.spawn("exec", one, "echo", str(number)) for number in range(20)]
    said = [process.communicate(timeout=400) for process in running]
    assert [(out, err) for out, err in said] == [(f"{number}\n", "") for number in range(20)]
    assert [process.returncode for process in running] == [0] * 20
    assert engine.inspect(one, ".ExecIDs") == "[]"


@on(*BOTH)
def test_exec_preserve_fds(engine: Podman) -> None:
    """`exec --preserve-fds`"""
    one = engine.start()
    words = [*engine.client(), "exec", "--preserve-fds=1", one, "sh", "-c", "cat <&3"]
    done = engine.run(["bash", "-c", '"$@" 3< <(echo handed)', "bash", *words])
    assert (done.status, done.out) == (0, "handed"), done


# ---- signals and the end


@on(*ALL, quick=[ROOTLESS])
def test_stop(engine: Podman) -> None:
    """`stop`: SIGTERM, and SIGKILL when the time is over; the cgroup is gone"""
    engine.start(IMAGE, "sh", "-c", "trap 'exit 7' TERM; while true; do sleep 0.1; done", name="polite")
    engine.start(IMAGE, "sh", "-c", "trap '' TERM; while true; do sleep 0.1; done", name="deaf")
    cgroups = [engine.cgroup(name) for name in ("polite", "deaf")]
    engine("stop", "-t", "20", "polite")
    engine("stop", "-t", "0", "deaf")
    assert engine.inspect("polite", ".State.ExitCode") == "7"
    assert engine.inspect("deaf", ".State.ExitCode") == "137"
    engine.said = [line for line in engine.said if "resorting to SIGKILL" not in line]
    assert not any(cgroup.exists() for cgroup in cgroups)


@on(*BOTH)
def test_kill(engine: Podman) -> None:
    """`kill -s USR1`, `kill`"""
    one = engine.start(IMAGE, "sh", "-c", "trap 'echo heard' USR1; while true; do sleep 0.1; done")
    engine("kill", "--signal=USR1", one)
    wait_until(lambda: engine("logs", one).out == "heard", "the signal")
    engine("kill", one)
    assert engine("wait", one).out == "137"


@on(*ALL)
def test_pause(engine: Podman) -> None:
    """`pause`, `unpause`: frozen by the kernel"""
    one = engine.start()
    engine("pause", one)
    assert "frozen 1" in (engine.cgroup(one) / "cgroup.events").read_text()
    assert engine.inspect(one, ".State.Status") == "paused"
    engine("exec", one, "true", status=255)
    engine("unpause", one)
    assert "frozen 0" in (engine.cgroup(one) / "cgroup.events").read_text()
    engine("exec", one, "true")


@on(*BOTH)
def test_restart(engine: Podman) -> None:
    """`restart`: another process in the same container"""
    one = engine.start()
    engine("exec", one, "touch", "/tmp/kept")
    before = engine.pid(one)
    engine("restart", "-t", "5", one)
    assert engine.pid(one) != before
    assert engine("exec", one, "ls", "/tmp").out == "kept"


@on(*BOTH)
def test_restart_policy(engine: Podman) -> None:
    """`--restart on-failure:2`: as often as that"""
    engine("run", "-d", "--name=one", "--network=none", "--restart=on-failure:2", IMAGE, "sh", "-c", "echo x; exit 1")
    wait_until(lambda: engine("logs", "one").out.split() == ["x"] * 3, "three times")
    wait_until(lambda: engine.inspect("one", ".State.Status") == "exited", "the end")


@on(*ALL)
def test_remove(engine: Podman) -> None:
    """`rm -f` of a running container: process and cgroup are gone"""
    one = engine.start(IMAGE, "sh", "-c", "sleep 1000 & sleep 1000")
    pid, cgroup = engine.pid(one), engine.cgroup(one)
    engine("rm", "--force", "--time=0", one)
    engine.said = [line for line in engine.said if "resorting to SIGKILL" not in line]
    assert not Path(f"/proc/{pid}").exists()
    assert not cgroup.exists()
    assert engine("ps", "-aq").out == ""


@on(*BOTH)
def test_attach(engine: Podman) -> None:
    """`attach`: what is written from then on, and the exit status"""
    one = engine.start(IMAGE, "sh", "-c", "trap 'echo bye; exit 6' TERM; while true; do sleep 0.1; done")
    attached = engine.spawn("attach", "--sig-proxy=false", one)
    time.sleep(8)
    engine("stop", "-t", "20", one)
    assert attached.communicate(timeout=100) == ("bye\n", "")
    assert attached.returncode == 6


# ---- what an engine tells of them


@on(*BOTH)
def test_top_and_stats(engine: Podman) -> None:
    """`top`, `stats`, `inspect`, `ps`"""
    one = engine.start(IMAGE, "sleep", "1000")
    assert "sleep 1000" in engine("top", one, "pid", "args").out
    if engine.kind.manager == "systemd" or not engine.rootless:
        assert int(engine("stats", "--no-stream", "--format={{.PIDs}}", one).out) == 1
    assert engine.inspect(one, ".OCIRuntime") == engine.runtime.name
    assert engine("ps", "--format={{.Names}} {{.Status}}").out.startswith("one Up")


@on(*BOTH)
def test_files(engine: Podman) -> None:
    """`cp` in and out of a running container, `diff`, `commit`, `export`"""
    one = engine.start()
    engine("exec", one, "sh", "-c", "echo text >/tmp/inside")
    assert "text" in engine("cp", f"{one}:/tmp/inside", "-").out
    engine("cp", "/etc/hostname", f"{one}:/tmp/host")
    assert engine("exec", one, "cat", "/tmp/host").out == Path("/etc/hostname").read_text().strip()
    assert "A /tmp/inside" in engine("diff", one).out
    engine("commit", "--quiet", one, "committed")
    assert engine.output("localhost/committed", "cat", "/tmp/inside") == "text"
    engine("rmi", "--force", "localhost/committed")


@on(*BOTH)
def test_events(engine: Podman) -> None:
    """`events`: create, start, died, remove"""
    since = str(int(time.time()) - 1)
    engine("run", "--rm", "--name=seen", "--network=none", IMAGE, "true")
    said = engine("events", "--stream=false", f"--since={since}", "--filter=container=seen", "--format={{.Status}}")
    assert [word for word in said.out.split() if word in ("create", "start", "died", "remove")] == [
        "create",
        "start",
        "died",
        "remove",
    ]


@on(ROOT)
def test_info(engine: Podman) -> None:
    """`info`: name, path and version of the runtime"""
    said = engine("info", "--format={{.Host.OCIRuntime.Name}} {{.Host.OCIRuntime.Path}} {{.Host.OCIRuntime.Version}}")
    assert said.out.startswith(f"{engine.runtime.name} {engine.runtime.path} {engine.runtime.name} version ")
