"""Docker: what looks on while a container runs, and takes from it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from engines.kit.engine import wait_until
from engines.kit.engines import on
from engines.kit.image import IMAGE
from engines.test_docker import CGROUPFS, DEFAULT, NAME, REMAP, sleeper

if TYPE_CHECKING:
    from engines.kit.docker import Docker


@on(DEFAULT)
def test_top(engine: Docker) -> None:
    """`top` lists the processes"""
    engine.start("--detach", f"--name={NAME}", IMAGE, "sh", "-c", "sleep 999 & exec sleep 1000")
    wait_until(lambda: engine("top", NAME, "-o", "pid,args").out.count("sleep") == 2, "both")


@on(DEFAULT, CGROUPFS)
def test_stats(engine: Docker) -> None:
    """`stats` counts processes and memory"""
    sleeper(engine, "--memory=64m")
    said = engine("stats", "--no-stream", "--format={{.Name}} {{.PIDs}} {{.MemUsage}}", NAME).out
    assert re.fullmatch(rf"{NAME} 1 [1-9][0-9.]*[KM]iB / 64MiB", said)


@on(DEFAULT)
def test_logs(engine: Docker) -> None:
    """`logs --follow` to the end"""
    engine.start("--detach", f"--name={NAME}", IMAGE, "sh", "-c", "echo a; sleep 1; echo b")
    assert engine("logs", "--follow", NAME).out == "a\nb"


@on(DEFAULT)
def test_attach(engine: Docker) -> None:
    """`attach` hands on what is typed, and what is answered"""
    engine.start("--detach", "--interactive", f"--name={NAME}", IMAGE, "cat")
    client = engine.spawn("attach", NAME)
    assert client.stdin
    assert client.stdout
    client.stdin.write("typed\n")
    client.stdin.flush()
    assert client.stdout.readline() == "typed\n"
    client.kill()
    client.communicate()


@on(DEFAULT, REMAP)
def test_copy(engine: Docker) -> None:
    """`cp` in and out of a container that runs"""
    sleeper(engine)
    engine("cp", "/etc/passwd", f"{NAME}:/root/there")
    assert engine("exec", NAME, "cat", "/root/there").out
    engine("exec", NAME, "sh", "-c", "echo back >/back")
    assert engine("cp", f"{NAME}:/back", "-").out.count("back") >= 2


@on(DEFAULT)
def test_commit(engine: Docker) -> None:
    """`commit`, and a container of that"""
    engine.start(f"--name={NAME}", IMAGE, "sh", "-c", "echo kept >/kept")
    engine("commit", NAME, "kept")
    assert engine.start("--rm", "kept", "cat", "/kept").out == "kept"
    assert engine("diff", NAME).out == "A /kept"
