"""Docker: containers from the first command to the last."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from engines.kit.engine import wait_until
from engines.kit.engines import on
from engines.kit.image import IMAGE
from engines.kit.terminal import on_terminal

if TYPE_CHECKING:
    from engines.kit.docker import Docker

DEFAULT, NAMED, CGROUPFS, REMAP = (
    "Docker, default runtime",
    "Docker, --runtime",
    "Docker, cgroupfs",
    "Docker, userns-remap",
)
NAME = "box"
SERVE = "mkdir -p /w; echo page >/w/index.html; exec httpd -f -p 80 -h /w"


def sleeper(engine: Docker, *options: str) -> None:
    engine.start("--detach", f"--name={NAME}", *options, IMAGE, "sleep", "1000")


def has_said(engine: Docker, word: str, times: int = 1) -> None:
    wait_until(lambda: engine("logs", NAME).out.split("\n").count(word) >= times, f"{word!r} in the container's log")


# ---- run


@on(DEFAULT, NAMED, CGROUPFS, REMAP, quick=(DEFAULT,))
def test_run(engine: Docker) -> None:
    """`run --rm` hands on output and exit status"""
    done = engine.start("--rm", IMAGE, "sh", "-c", "echo out; echo err >&2; exit 3", status=3)
    assert (done.out, done.err) == ("out", "err")


@on(DEFAULT)
def test_run_detached(engine: Docker) -> None:
    """`run -d`, `wait`, `logs`"""
    engine.start("--detach", f"--name={NAME}", IMAGE, "sh", "-c", "echo out; echo err >&2; exit 5")
    assert engine("wait", NAME).out == "5"
    done = engine("logs", NAME)
    assert (done.out, done.err) == ("out", "err")
    assert engine.inspect(NAME, ".State.Status") == "exited"


@on(DEFAULT)
def test_run_interactive(engine: Docker) -> None:
    """`run -i` hands on what is typed"""
    assert engine.start("--rm", "--interactive", IMAGE, "cat", stdin="typed\n").out == "typed"


@on(DEFAULT, REMAP)
def test_run_terminal(engine: Docker) -> None:
    """`run -it`: a terminal of the client's size, and its lines"""
    words = ["run", *engine.named_runtime(), "--rm", "-it", IMAGE, "sh", "-c", "sleep 1; stty size; tty; exit 4"]
    said, status = on_terminal([*engine.client(), *words], engine.environment(), rows=33, columns=99)
    assert status == 4
    assert said.replace("\r", "").split("\n")[:2] == ["33 99", "/dev/pts/0"]


@on(DEFAULT)
def test_run_terminal_typed(engine: Docker) -> None:
    """`run -it`: a shell does what is typed, to its `exit`"""
    words = ["run", "--rm", "-it", IMAGE, "sh"]
    said, status = on_terminal([*engine.client(), *words], engine.environment(), typed="echo $((40+2)); exit 6\n")
    assert status == 6
    assert re.search(r"^42\r?$", said, re.MULTILINE)


@on(DEFAULT)
def test_missing_command(engine: Docker) -> None:
    """A command that is not there: status 127"""
    for word in ("missing", "/missing"):
        engine.start("--rm", IMAGE, word, status=127)


@on(DEFAULT)
def test_directory_as_command(engine: Docker) -> None:
    """A directory, or a file that can't be executed, as command: status 126"""
    for word in ("/etc", "/etc/passwd"):
        assert "permission denied" in engine.start("--rm", IMAGE, word, status=126).err


@on(DEFAULT)
def test_working_directory(engine: Docker) -> None:
    """`--workdir` makes the directory"""
    assert engine.start("--rm", "--workdir=/a/b", IMAGE, "pwd").out == "/a/b"


@on(DEFAULT)
def test_many_short_ones(engine: Docker) -> None:
    """Five containers that end at once, one after the other"""
    for _ in range(5):
        engine.start("--rm", "--network=none", IMAGE, "true")


@on(DEFAULT)
def test_version(engine: Docker) -> None:
    """`info` and `version` find the runtime's version and no reason to warn"""
    assert engine("info", "--format", "{{.DefaultRuntime}}").out == engine.side
    components = engine("version", "--format", "{{range .Server.Components}}{{.Name}} {{.Version}};{{end}}").out
    assert engine.runtime.version.split()[-1] in components
    commit = engine("info", "--format", "{{.RuncCommit.ID}}").out
    assert commit != "N/A"


# ---- exec


@on(DEFAULT, NAMED, CGROUPFS, REMAP, quick=(DEFAULT,))
def test_exec(engine: Docker) -> None:
    """`exec` hands on output, input and exit status"""
    sleeper(engine)
    done = engine("exec", NAME, "sh", "-c", "echo out; echo err >&2; exit 7", status=7)
    assert (done.out, done.err) == ("out", "err")
    assert engine("exec", "--interactive", NAME, "cat", stdin="typed\n").out == "typed"


CAP_AUDIT_READ = 37  # the last one that Docker 20.10 knows


@on(DEFAULT)
def test_exec_options(engine: Docker) -> None:
    """`exec` with user, directory, environment; detached; privileged"""
    sleeper(engine)
    words = ["--user=1000:1000", "--workdir=/tmp", "--env=A=B"]
    assert engine("exec", *words, NAME, "sh", "-c", "id -u; id -g; pwd; echo $A").out == "1000\n1000\n/tmp\nB"
    engine("exec", "--detach", NAME, "touch", "/made")
    wait_until(lambda: "made" in engine("exec", NAME, "ls", "/").out, "the file of a detached exec")
    capabilities = engine("exec", "--privileged", NAME, "grep", "CapEff", "/proc/self/status").out
    assert int(capabilities.split()[1], 16) >= (1 << CAP_AUDIT_READ + 1) - 1


@on(DEFAULT)
def test_exec_missing(engine: Docker) -> None:
    """`exec` of what is not there, or of a directory"""
    sleeper(engine)
    assert "executable file not found" in engine("exec", NAME, "missing", status=126).out
    assert "permission denied" in engine("exec", NAME, "/etc", status=126).out


@on(DEFAULT)
def test_exec_terminal(engine: Docker) -> None:
    """`exec -it`"""
    sleeper(engine)
    words = [*engine.client(), "exec", "-it", NAME, "sh", "-c", "tty; exit 8"]
    said, status = on_terminal(words, engine.environment())
    assert (said.strip(), status) == ("/dev/pts/0", 8)


# ---- the end of a container

DEAF = "trap 'exit 9' TERM; trap 'echo usr1; exit 10' USR1; echo ready; while :; do sleep .1; done"


@on(DEFAULT, CGROUPFS)
def test_stop(engine: Docker) -> None:
    """`stop` asks first"""
    engine.start("--detach", f"--name={NAME}", IMAGE, "sh", "-c", DEAF)
    has_said(engine, "ready")
    engine("stop", NAME)
    assert engine.inspect(NAME, ".State.ExitCode") == "9"


@on(DEFAULT, CGROUPFS)
def test_stop_deaf(engine: Docker) -> None:
    """`stop -t 1` kills what does not hear"""
    sleeper(engine)
    engine("stop", "--time=1", NAME)
    assert engine.inspect(NAME, ".State.ExitCode") == "137"
    engine("rm", NAME)


@on(DEFAULT)
def test_kill(engine: Docker) -> None:
    """`kill -s USR1`; `kill` of what has ended is an error"""
    engine.start("--detach", f"--name={NAME}", IMAGE, "sh", "-c", DEAF)
    has_said(engine, "ready")
    engine("kill", "--signal=USR1", NAME)
    assert engine("wait", NAME).out == "10"
    assert "is not running" in engine("kill", NAME, status=1).err


@on(DEFAULT, CGROUPFS)
def test_pause(engine: Docker) -> None:
    """`pause`, `unpause`, `rm -f` of what is paused"""
    sleeper(engine)
    engine("pause", NAME)
    assert engine.inspect(NAME, ".State.Status") == "paused"
    assert "is paused" in engine("exec", NAME, "true", status=1).err
    engine("unpause", NAME)
    assert engine("exec", NAME, "echo", "again").out == "again"
    engine("pause", NAME)
    engine("rm", "--force", NAME)


@on(DEFAULT)
def test_restart(engine: Docker) -> None:
    """`restart`"""
    engine.start("--detach", f"--name={NAME}", IMAGE, "sh", "-c", "echo began; exec sleep 1000")
    has_said(engine, "began")
    engine("restart", "--time=0", NAME)
    has_said(engine, "began", times=2)
    assert engine.inspect(NAME, ".State.Status") == "running"


@on(DEFAULT)
def test_restart_on_failure(engine: Docker) -> None:
    """`--restart on-failure:2`"""
    engine.start("--detach", f"--name={NAME}", "--restart=on-failure:2", IMAGE, "sh", "-c", "echo try; exit 3")
    wait_until(lambda: engine.inspect(NAME, ".RestartCount") == "2", "a second restart")
    wait_until(lambda: engine.inspect(NAME, ".State.Status") == "exited", "the last end")
    assert engine("logs", NAME).out == "try\ntry\ntry"
    assert engine.inspect(NAME, ".State.ExitCode") == "3"


@on(DEFAULT)
def test_restart_always(engine: Docker) -> None:
    """`--restart always`, also after a kill from outside"""
    engine.start("--detach", f"--name={NAME}", "--restart=always", IMAGE, "sh", "-c", "echo try; exec sleep 1000")
    has_said(engine, "try")
    engine.run(["kill", "-KILL", str(engine.pid(NAME))])
    has_said(engine, "try", times=2)


@on(DEFAULT)
def test_health(engine: Docker) -> None:
    """A health check finds what is ill and what is well again"""
    sleeper(engine, "--health-cmd=test -e /well", "--health-interval=1s", "--health-retries=1")
    wait_until(lambda: engine.inspect(NAME, ".State.Health.Status") == "unhealthy", "unhealthy")
    engine("exec", NAME, "touch", "/well")
    wait_until(lambda: engine.inspect(NAME, ".State.Health.Status") == "healthy", "healthy")
    engine("kill", NAME)


@on(DEFAULT)
def test_all_at_once(engine: Docker) -> None:
    """Health checks, `exec` and `update` at the same time"""
    sleeper(engine, "--health-cmd=true", "--health-interval=1s")
    others = [engine.spawn("exec", NAME, "echo", "said") for _ in range(4)]
    engine("update", "--memory=64m", "--memory-swap=-1", NAME)
    assert [other.communicate() for other in others] == [("said\n", "")] * 4
    engine("kill", NAME)
