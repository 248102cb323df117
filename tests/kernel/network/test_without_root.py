"""A network without root, by slirp4netns(1) and by pasta(1)."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kernel.kit import needs
from kernel.kit.helpers import mount, unmount
from kernel.kit.users import BECOME, UID, UsersRuntime
from kernel.network.stage import HOST, OUTSIDE, Stage, stage
from kernel.network.test_network import ASK, SERVE, WAIT, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kernel.kit.runtime import Runtime

pytestmark = [
    pytest.mark.root,
    pytest.mark.only("minirun", "networks are minirun's own"),
    needs.static_busybox(),
    *(needs.program(name) for name in ("ip", "nft", "setpriv")),
]


@pytest.fixture
def tun(place: Path) -> Iterator[None]:
    """/dev/net/tun as udev has it: open to everybody. The mount is one of the tests' own namespace."""
    node = place / "tun"
    os.mknod(node, stat.S_IFCHR | 0o666, os.makedev(10, 200))  # linux/miscdevice.h
    node.chmod(0o666)
    if not os.path.exists("/dev/net/tun"):
        pytest.skip("needs /dev/net/tun")
    mount("--bind", node, "/dev/net/tun")
    try:
        if subprocess.run([*BECOME, "sh", "-c", "exec 3<>/dev/net/tun"], check=False).returncode:
            pytest.skip("needs /dev/net/tun for everybody")
        yield
    finally:
        unmount(Path("/dev/net/tun"))


@pytest.fixture(params=[pytest.param(name, marks=needs.program(name)) for name in ("slirp4netns", "pasta")])
def program(request: pytest.FixtureRequest) -> str:
    """Who plays a link."""
    return str(request.param)


@pytest.fixture
def there(runtime: Runtime, place: Path, tun: None, program: str) -> Iterator[Stage]:
    os.chown(place, UID, UID)
    users = UsersRuntime(runtime, place)
    if "-m" in users.argv:
        pytest.skip("needs a minirun that every user may read")
    with stage(users, place) as made:
        made.host.run("ip", "route", "add", "default", "via", OUTSIDE[0])  # where pasta looks for the outside
        made.network("create", *(("--driver", program) if program == "pasta" else ()), "web")
        yield made


def helpers() -> str:
    """The programs that play a link, and those who wait for the container's end: those of this user. pasta(1) has
    several names, for processors of several kinds."""
    words = ["ps", "-u", str(UID), "-o", "stat=,comm="]
    said = subprocess.run(words, capture_output=True, text=True, check=False).stdout.splitlines()
    names = [line.split()[1].replace("passt", "pasta").partition(".")[0] for line in said if line[0] != "Z"]
    return " ".join(name for name in names if name in ("slirp4netns", "pasta", "tail"))


def test_a_container_reaches_the_outside_and_is_reached(there: Stage, program: str) -> None:
    before = there.host.state()
    there.start(there.bundle("one", SERVE, "8080:80", "127.0.0.1:8081:80", "5353:53/udp", owner=UID), "one")
    assert until(lambda: there.host.ask("127.0.0.1", 8080) == "answer")
    assert there.outside.ask(HOST[0], 8080) == "answer" and there.outside.ask(HOST[0], 8081) == ""
    with there.outside.server(82, there.place / "pages", "outside"):
        assert there.exec("one", *ASK.split(), f"{OUTSIDE[0]}:82") == "outside\n"
    assert there.leases()[there.id("one")]["addresses"] == ["10.89.0.100"]
    assert program in helpers()
    there.delete("one")
    assert until(lambda: helpers() == "") and there.leases() == {} and there.host.state() == before
    there.network("remove", "web")
    assert not there.networks.exists()


def test_its_program_ends_with_a_container_that_is_killed(there: Stage, program: str) -> None:
    there.start(there.bundle("one", WAIT, owner=UID), "one")
    assert program in helpers()
    pid = there.pid("one")
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)  # these tests are every orphan's parent; elsewhere that is init
    assert until(lambda: helpers() == "")
    there.network("list")
    assert there.leases() == {}


def test_a_network_that_is_taken_away(there: Stage, program: str) -> None:
    there.start(there.bundle("one", WAIT, owner=UID), "one")
    there.network("remove", "--force", "web")
    assert until(lambda: program not in helpers())


def test_a_program_that_ends_at_once(there: Stage) -> None:
    assert there.run(there.bundle("one", "cat /etc/resolv.conf", owner=UID), "one").stdout == "nameserver 10.89.0.3\n"


def test_a_port_that_is_roots(there: Stage, program: str) -> None:
    there.host.run("sysctl", "-q", "-w", "net.ipv4.ip_unprivileged_port_start=1024")
    done = there.run(there.bundle("one", WAIT, "80:80", owner=UID), "one", check=False)
    said = {"slirp4netns": "can't publish port 80/tcp", "pasta": "Failed to bind any port for '-t 80:80'"}
    assert done.returncode == 1 and said[program] in done.stderr
    assert "ss -lntup" in done.stderr
    assert until(lambda: helpers() == "") and there.leases() == {}


def test_the_hosts_loopback_is_not_reached(there: Stage) -> None:
    """What listens there trusts in that: neither by the container's own 127.0.0.1 nor by its gateway."""
    there.start(there.bundle("one", WAIT, owner=UID), "one")
    with there.host.server(81, there.place / "pages", "host"):
        for place in ("127.0.0.1", "10.89.0.2"):
            said = there.minirun(
                "exec", there.id("one"), *ASK.split(), f"{place}:81", check=False, stdin=subprocess.DEVNULL
            )
            assert said.stdout == ""
