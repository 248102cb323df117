"""A network without root, by slirp4netns(1)."""

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
    *(needs.program(name) for name in ("slirp4netns", "ip", "nft", "setpriv")),
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


@pytest.fixture
def there(runtime: Runtime, place: Path, tun: None) -> Iterator[Stage]:
    os.chown(place, UID, UID)
    users = UsersRuntime(runtime, place)
    if "-m" in users.argv:
        pytest.skip("needs a minirun that every user may read")
    with stage(users, place) as made:
        made.network("create", "web")
        yield made


def helpers() -> str:
    """The programs that play a link: those of this user."""
    words = ["ps", "-u", str(UID), "-o", "stat=,comm="]
    said = subprocess.run(words, capture_output=True, text=True, check=False).stdout.splitlines()
    return " ".join(line.split()[1] for line in said if line[0] != "Z" and line.split()[1] in ("slirp4netns", "tail"))


def test_a_container_reaches_the_outside_and_is_reached(there: Stage) -> None:
    before = there.host.state()
    there.start(there.bundle("one", SERVE, "8080:80", owner=UID), "one")
    assert until(lambda: there.host.ask("127.0.0.1", 8080) == "answer")
    assert there.outside.ask(HOST[0], 8080) == "answer"
    with there.outside.server(82, there.place / "pages", "outside"):
        assert there.exec("one", *ASK.split(), f"{OUTSIDE[0]}:82") == "outside\n"
    assert there.leases()[there.id("one")]["addresses"] == ["10.89.0.100"]
    assert "slirp4netns" in helpers()
    there.delete("one")
    assert until(lambda: helpers() == "") and there.leases() == {} and there.host.state() == before
    there.network("remove", "web")
    assert not there.networks.exists()


def test_its_program_ends_with_a_container_that_is_killed(there: Stage) -> None:
    there.start(there.bundle("one", WAIT, owner=UID), "one")
    assert "slirp4netns" in helpers()
    pid = there.pid("one")
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)  # these tests are every orphan's parent; elsewhere that is init
    assert until(lambda: helpers() == "")
    there.network("list")
    assert there.leases() == {}


def test_a_network_that_is_taken_away(there: Stage) -> None:
    there.start(there.bundle("one", WAIT, owner=UID), "one")
    there.network("remove", "--force", "web")
    assert until(lambda: "slirp4netns" not in helpers())


def test_a_program_that_ends_at_once(there: Stage) -> None:
    assert there.run(there.bundle("one", "cat /etc/resolv.conf", owner=UID), "one").stdout == "nameserver 10.89.0.3\n"


def test_a_port_that_is_roots(there: Stage) -> None:
    there.host.run("sysctl", "-q", "-w", "net.ipv4.ip_unprivileged_port_start=1024")
    done = there.run(there.bundle("one", WAIT, "80:80", owner=UID), "one", check=False)
    assert done.returncode == 1 and "can't publish port 80/tcp" in done.stderr
    assert until(lambda: helpers() == "") and there.leases() == {}
