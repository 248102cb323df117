"""Docker: networks, and namespaces that containers share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engines.kit.engine import wait_until
from engines.kit.engines import on
from engines.kit.image import IMAGE
from engines.test_docker import DEFAULT, NAME, REMAP, SERVE, sleeper

if TYPE_CHECKING:
    from engines.kit.docker import Docker


@on(DEFAULT, REMAP)
def test_network_none_and_host(engine: Docker) -> None:
    """`--network none`, `--network host`"""
    assert engine.start("--rm", "--network=none", IMAGE, "ip", "-o", "addr").out.count("inet ") == 1
    host = engine.run(["readlink", f"/proc/{engine.daemon.process.pid}/ns/net"]).out
    words = ["--network=host", *(["--userns=host"] if engine.name == REMAP else [])]
    assert engine.start("--rm", *words, IMAGE, "readlink", "/proc/self/ns/net").out == host


def address(engine: Docker) -> str:
    return engine.inspect(NAME, ".NetworkSettings.IPAddress")


def fetches(engine: Docker, url: str, *options: str) -> bool:
    done = engine.run([*engine.client(), "run", "--rm", *options, IMAGE, "wget", "-qO-", url])
    return done.out == "page"


@on(DEFAULT, REMAP)
def test_network_bridge(engine: Docker) -> None:
    """One container reaches another by the bridge"""
    engine.start("--detach", f"--name={NAME}", IMAGE, "sh", "-c", SERVE)
    wait_until(lambda: fetches(engine, f"http://{address(engine)}/"), "the page")


@on(DEFAULT)
def test_network_container(engine: Docker) -> None:
    """`--network`, `--pid` and `--ipc` of another container, `--pid host`"""
    sleeper(engine, "--ipc=shareable")
    assert "eth0" in engine.start("--rm", f"--network=container:{NAME}", IMAGE, "ls", "/sys/class/net").out
    words = [f"--pid=container:{NAME}", f"--ipc=container:{NAME}"]
    assert engine.start("--rm", *words, IMAGE, "cat", "/proc/1/comm").out == "sleep"
    assert engine.start("--rm", "--pid=host", IMAGE, "cat", "/proc/1/comm").out == "systemd"


@on(DEFAULT)
def test_published_port(engine: Docker) -> None:
    """`--publish`"""
    engine.start("--detach", f"--name={NAME}", "--publish=8099:80", IMAGE, "sh", "-c", SERVE)
    fetch = [*engine.network, "busybox", "wget", "-qO-", "http://127.0.0.1:8099/"]
    wait_until(lambda: engine.run(fetch).out == "page", "the page")


@on(DEFAULT)
def test_network_of_its_own(engine: Docker) -> None:
    """A network of its own, in which containers have names"""
    engine("network", "create", "own")
    engine.start("--detach", f"--name={NAME}", "--network=own", IMAGE, "sh", "-c", SERVE)
    wait_until(lambda: fetches(engine, f"http://{NAME}/", "--network=own"), "the page")
    engine("rm", "--force", NAME)
    engine("network", "rm", "own")


@on(DEFAULT)
def test_names(engine: Docker) -> None:
    """`--hostname`, `--domainname`, `--add-host`, `--env`"""
    words = ["--hostname=box", "--domainname=example.org", "--add-host=there:1.2.3.4", "--env=A=B", IMAGE, "sh", "-c"]
    script = "hostname; cat /proc/sys/kernel/domainname; grep -c there /etc/hosts; echo $A $HOME"
    assert engine.start("--rm", *words, script).out.split() == ["box", "example.org", "1", "B", "/root"]
