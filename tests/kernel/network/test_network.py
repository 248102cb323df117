"""`minirun network`, by its outcome: who reaches whom, and what is left (docs/network.md)."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kernel.kit import needs
from kernel.kit.helpers import namespace_holder
from kernel.kit.runtime import PATIENCE
from kernel.network.stage import BOOKS, HOST, OUTSIDE, Side, Stage, stage
from minirun.network.commands import write_names
from minirun.network.networks import Network, save_network

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kernel.kit.runtime import Runtime

pytestmark = [
    pytest.mark.root,
    pytest.mark.only("minirun", "networks are minirun's own"),
    needs.static_busybox(),
    needs.program("nft"),
    needs.program("ip"),
    needs.nat(),
]

REPOSITORY = Path(__file__).parents[3]
SERVE = "exec httpd -f -p 80 -h /www"
ASK = "timeout 3 wget -q -O - "
WAIT = "exec sleep 600"


MANY = 50 if PATIENCE == 1 else 10  # an emulated machine takes minutes for so many Pythons
UDP_SERVER = """
import socket
answering = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
answering.bind(("0.0.0.0", 53))
while True:
    answering.sendto(b"answer", answering.recvfrom(100)[1])
"""
UDP = """
import socket
asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asking.settimeout(1)
asking.sendto(b"?", ("127.0.0.1", 5300))
print(asking.recv(100).decode(), end="")
"""


@pytest.fixture
def there(runtime: Runtime, place: Path) -> Iterator[Stage]:
    """The stage, with a network `web` of both families: as `network create` writes it, which takes its time in an
    emulated machine."""
    network = Network("web", "bridge", ("10.89.0.0/24", "fd4d:1::/64"), ("10.89.0.1", "fd4d:1::1"), "mr-web")
    with stage(runtime, place) as made:
        save_network(str(made.networks), network)
        write_names(str(made.networks), network, ())
        yield made


def test_create_writes_the_network_that_the_others_here_begin_with(there: Stage) -> None:
    words = ("--networks", str(there.place / "created"), "--subnet", "10.89.0.0/24", "--subnet", "fd4d:1::/64", "web")
    there.minirun("network", "create", *words)
    written = [
        {path.name: path.read_text() for path in directory.iterdir() if path.name[0] != "."}
        for directory in (there.networks, there.place / "created")
    ]
    assert written[0] == written[1] and len(written[0]) == 3


def until(found: Callable[[], object]) -> bool:
    deadline = time.monotonic() + 10 * PATIENCE
    while not found() and time.monotonic() < deadline:
        time.sleep(0.05)
    return bool(found())


# ---- who reaches whom


def test_two_containers_the_host_and_the_outside(there: Stage) -> None:
    there.start(there.bundle("one", SERVE), "one")
    other = there.id("one")
    places = (other, "10.89.0.2", "[fd4d:1::2]", "host.minirun:81", f"{OUTSIDE[0]}:82", f"[{OUTSIDE[1]}]:82")
    assert until(lambda: there.host.ask("10.89.0.2", 80))
    with (
        there.host.server(81, there.place / "pages81", "the host"),
        there.outside.server(82, there.place / "pages82", "outside"),
    ):
        said = there.run(there.bundle("two", "; ".join(ASK + place for place in places)), "two").stdout
    assert said.splitlines() == ["answer", "answer", "answer", "the host", "outside", "outside"]


def test_what_the_container_has(there: Stage) -> None:
    said = there.run(there.bundle("one", "ip -o address show eth0; ip route; cat /etc/hosts /etc/resolv.conf"), "one")
    assert "inet 10.89.0.2/24 " in said.stdout and "inet6 fd4d:1::2/64 " in said.stdout
    assert "default via 10.89.0.1 dev eth0" in said.stdout
    assert f"10.89.0.2 {there.id('one')}\nfd4d:1::2 {there.id('one')}\n10.89.0.2 minirun\n" in said.stdout
    assert "nameserver " in said.stdout or "# the host knows no server" in said.stdout


def test_published_ports(there: Stage) -> None:
    there.start(there.bundle("one", SERVE, "8080:80", "127.0.0.1:8081:80", f"{HOST[0]}:8082:80/tcp"), "one")
    assert until(lambda: there.host.ask("10.89.0.2", 80))
    own = [there.host.ask(address, 8080) for address in ("127.0.0.1", "10.89.0.1", *HOST)]
    outside = [there.outside.ask(address, 8080) for address in HOST]
    assert (own, outside) == (["answer"] * 4, ["answer"] * 2)
    assert there.host.ask("127.0.0.1", 8081) == "answer" and there.outside.ask(HOST[0], 8081) == ""
    assert there.outside.ask(HOST[0], 8082) == "answer" and there.host.ask("127.0.0.1", 8082) == ""
    # By the host and back into the same container, which is another way than inside of the bridge.
    assert there.exec("one", *ASK.split(), f"{HOST[0]}:8080") == "answer\n"


def test_a_published_port_of_udp(there: Stage) -> None:
    there.start(there.bundle("one", WAIT, "127.0.0.1:5300:53/udp"), "one")
    words = [*Side(there.pid("one")).prefix, sys.executable, "-c", UDP_SERVER]
    with subprocess.Popen(words) as server:
        assert until(lambda: there.host.run(sys.executable, "-c", UDP, check=False).stdout == "answer")
        server.kill()


def test_nobody_outside_reaches_what_is_not_published(there: Stage) -> None:
    """Who is beside the host may send packets for the network to it, as to any router."""
    there.start(there.bundle("one", SERVE), "one")
    assert until(lambda: there.host.ask("10.89.0.2", 80))
    there.outside.run("ip", "route", "add", "10.89.0.0/24", "via", HOST[0])
    there.outside.run("ip", "-6", "route", "add", "fd4d:1::/64", "via", HOST[1])
    assert there.outside.ask("10.89.0.2", 80) == there.outside.ask("fd4d:1::2", 80) == ""


def test_a_container_does_not_reach_the_hosts_loopback(there: Stage) -> None:
    """What listens on 127.0.0.1 trusts in that; route_localnet would open it to the bridge (CVE-2020-8558)."""
    there.start(there.bundle("one", WAIT), "one")
    inside = Side(there.pid("one"))
    inside.run("ip", "address", "delete", "127.0.0.1/8", "dev", "lo")
    inside.run("ip", "route", "add", "127.0.0.1", "via", "10.89.0.1", "src", "10.89.0.2")
    inside.run("sysctl", "-q", "-w", "net.ipv4.conf.eth0.route_localnet=1")
    with there.host.server(81, there.place / "pages", "host"):
        assert until(lambda: inside.ask("10.89.0.1", 81) == "host")
        assert inside.waits_in_vain("127.0.0.1", 81, beside=("10.89.0.1", 81))


def test_a_container_of_another_network_is_not_reached(there: Stage) -> None:
    there.network("create", "--subnet", "10.90.0.0/24", "other")
    there.start(there.bundle("one", SERVE), "one")
    assert until(lambda: there.host.ask("10.89.0.2", 80))
    said = there.run(there.bundle("two", ASK + "10.89.0.2; true", network="other"), "two", check=False)
    assert said.stdout == ""


# ---- beside other firewalls


CLOSED = """
add table ip filter
add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }
add table ip6 filter
add chain ip6 filter FORWARD { type filter hook forward priority 0; policy drop; }
"""
OWN = CLOSED.replace("ip filter", "inet own").replace("ip6 filter", "inet own")


@pytest.mark.parametrize(
    ("rules", "count"), [pytest.param(CLOSED, 2, marks=needs.program("iptables")), (OWN, 1)], ids=["iptables", "nft"]
)
def test_a_firewall_that_drops_what_is_forwarded_is_told_and_opened(there: Stage, rules: str, count: int) -> None:
    """As Docker leaves iptables. What the warnings say is typed: then there is a way out, and in by published ports."""
    there.host.run("nft", "-f", "-", input=rules)
    told = there.network("create", "--subnet", "10.90.0.0/24", "--subnet", "fd4d:2::/64", "other").stderr
    cures = re.findall(r"cure: +(.*)", told)
    assert len(cures) == count and told.count("drops what is forwarded") == count
    there.start(there.bundle("one", SERVE, "8080:80", network="other"), "one")
    assert until(lambda: there.host.ask("10.90.0.2", 80) == "answer")
    with there.outside.server(82, there.place / "pages", "outside"):
        assert there.outside.waits_in_vain(HOST[0], 8080, beside=(OUTSIDE[0], 82))
        there.host.run("sh", "-euc", "\n".join(cures))
        said = [there.outside.ask(address, 8080) for address in HOST]
        said += [there.exec("one", *ASK.split(), f"{place}:82") for place in (OUTSIDE[0], f"[{OUTSIDE[1]}]")]
    assert said == ["answer", "answer", "outside\n", "outside\n"]
    there.outside.run("ip", "route", "add", "10.90.0.0/24", "via", HOST[0])
    assert there.outside.ask("10.90.0.2", 80) == ""


def test_without_other_firewalls_nothing_is_told(there: Stage) -> None:
    there.host.run("nft", "-f", "-", input=CLOSED.replace("ip filter", "ip other"))
    assert there.network("create", "--subnet", "10.90.0.0/24", "only4").stderr.count("warning") == 1
    there.host.run("nft", "flush", "ruleset")
    assert there.network("create", "other").stderr == ""


# ---- what is left


def test_nothing_is_left_after_delete(there: Stage) -> None:
    before = there.host.state()
    there.start(there.bundle("one", WAIT, "8080:80"), "one")
    assert there.host.state()["links"] != before["links"] and "minirun_web" in there.host.state()["rules"]
    assert there.host.switch("net.ipv4.ip_forward") == there.host.switch("net.ipv6.conf.all.forwarding") == "1"
    there.delete("one")
    assert there.host.state() == before and there.leases() == {}
    said = there.network("remove", "web").stdout
    assert "net.ipv4.ip_forward is 0 again" in said
    assert there.host.switch("net.ipv4.ip_forward") == there.host.switch("net.ipv6.conf.all.forwarding") == "0"
    assert not there.networks.exists()


@pytest.mark.parametrize("kind", ["bridge", "veth"])
def test_a_link_that_somebody_else_has_made_is_left_alone(there: Stage, kind: str) -> None:
    there.host.run("ip", "link", "add", "mr-web", "type", kind)
    before = there.host.state()
    done = there.run(there.bundle("one", "true"), "one", check=False)
    assert done.returncode == 1 and "another --bridge" in done.stderr
    assert (
        f"can't make the bridge mr-web: there is a link of this name, which minirun has not made: a {kind}"
        in done.stderr
    )
    assert there.host.state() == before and there.leases() == {}
    assert there.host.switch("net.ipv4.conf.mr-web.route_localnet") == "0"
    there.host.run("ip", "link", "delete", "mr-web")
    there.run(there.bundle("two", "true"), "two")


def test_where_ipv6_is_switched_off(there: Stage) -> None:
    """A network is of IPv4 alone, and works."""
    there.host.run("sysctl", "-q", "-w", "net.ipv6.conf.default.disable_ipv6=1")
    refused = there.network("create", "--subnet", "fd4d:2::/64", "six", check=False)
    assert refused.returncode == 1 and "IPv6 is switched off here" in refused.stderr
    there.network("create", "four")
    assert there.run(there.bundle("one", "ip -6 address; ip -4 route", network="four"), "one").stdout.count("via") == 1


def test_forwarding_that_was_on_stays_on(there: Stage) -> None:
    there.host.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
    there.run(there.bundle("one", "true"), "one")
    there.network("remove", "web")
    assert there.host.switch("net.ipv4.ip_forward") == "1"


def test_forwarding_stays_for_networks_of_another_directory(there: Stage) -> None:
    there.start(there.bundle("one", WAIT), "one")
    words = ("--networks", str(there.place / "others"))
    there.minirun("network", "create", *words, "--subnet", "10.90.0.0/24", "other")
    there.networks = there.place / "others"
    other = there.start(there.bundle("two", WAIT, network="other"), "two")
    there.networks = there.place / "networks"
    there.minirun("delete", "--force", there.id("one"))
    assert "stays: networks of another directory" in there.network("remove", "web").stdout
    assert there.host.switch("net.ipv4.ip_forward") == "1"
    there.minirun("delete", "--force", other)


def test_the_network_stays_for_those_who_are_in_it(there: Stage) -> None:
    there.start(there.bundle("one", SERVE, "8080:80"), "one")
    with_one = there.host.state()
    there.run(there.bundle("two", "true", "8081:80"), "two")
    assert there.host.state() == with_one and list(there.leases()) == [there.id("one")]
    assert until(lambda: there.host.ask("127.0.0.1", 8080) == "answer")


def test_what_a_sigkill_has_left_is_swept(there: Stage) -> None:
    """Of the container and of whoever would have run its hooks."""
    before = there.host.state()
    there.start(there.bundle("one", WAIT, "8080:80"), "one")
    pid = there.pid("one")
    books, away = BOOKS / there.id("one"), there.place / "books"
    shutil.move(books, away)  # nobody knows of the container any more
    os.kill(pid, signal.SIGKILL)
    assert until(lambda: not os.path.exists(f"/proc/{pid}/ns/net"))
    there.network("list")
    assert there.host.state() == before and there.leases() == {}
    shutil.move(away, books)  # so that its cgroup goes with it


def test_after_a_reboot_the_network_is_made_anew(there: Stage) -> None:
    """Another boot id, and nothing in the kernel: what the file says of containers means nothing."""
    bundle = there.bundle("one", SERVE, "8080:80")
    there.start(bundle, "one")
    there.host.run("ip", "link", "delete", "mr-web")
    there.host.run("nft", "delete", "table", "inet", "minirun_web")
    file = there.networks / ".leases.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"boot": "another"}))
    there.start(there.bundle("two", SERVE, "8080:80"), "two")
    assert list(there.leases()) == [there.id("two")]
    assert until(lambda: there.host.ask("127.0.0.1", 8080) == "answer")


def test_a_failure_on_the_way_leaves_nothing(there: Stage) -> None:
    """The container's namespace has an eth0 already."""
    before = there.host.state()
    with namespace_holder("network") as holder:
        inside = Side(holder.pid)
        inside.run("ip", "link", "add", "eth0", "type", "bridge")
        state = json.dumps({"id": "one", "pid": holder.pid, "bundle": "/nowhere"})
        done = there.network("attach", "-p", "8080:80", "web", input=state, check=False)
    assert done.returncode == 1
    assert "can't lay a cable" in done.stderr and "file exists (EEXIST)" in done.stderr and "cure:" in done.stderr
    assert there.host.state() == before and there.leases() == {}


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("", "no container's state"),
        ('{"id": "one\\n10.0.0.1 bank", "pid": 2}', "no container's state"),
        ('{"id": "one"}', "no pid"),
        ('{"id": "one", "pid": 1}', ""),
        ('{"id": "one", "pid": 4194305}', "no process"),
    ],
)
def test_a_state_that_is_none(there: Stage, state: str, expected: str) -> None:
    if not expected:  # the caller's own namespace
        state, expected = json.dumps({"id": "one", "pid": there.host.pid}), "the host's network"
    before = there.host.state()
    done = there.network("attach", "web", input=state, check=False)
    assert done.returncode == 1 and expected in done.stderr and "Traceback" not in done.stderr
    assert there.host.state() == before


# ---- many


@pytest.mark.slow
def test_fifty_at_once_have_fifty_addresses(there: Stage) -> None:
    before = there.host.state()
    script = f"for n in $(seq {MANY}); do unshare --net sleep 200 >&2 & echo $!; done; exec 1>&-; wait"
    with subprocess.Popen(["bash", "-c", script], stdout=subprocess.PIPE, text=True, start_new_session=True) as shell:
        try:
            assert shell.stdout
            pids = [int(line) for line in shell.stdout.read().split()]
            own = os.stat("/proc/self/ns/net")
            assert until(lambda: not any(os.path.samestat(own, os.stat(f"/proc/{pid}/ns/net")) for pid in pids))
            attach_all(there, pids)
            leases = there.leases()
            for version in (0, 1):
                assert len({lease["addresses"][version] for lease in leases.values()}) == MANY
            inside = {Side(pid).run("ip", "-4", "-o", "address", "show", "eth0").stdout.split()[3] for pid in pids}
            assert inside == {f"{lease['addresses'][0]}/24" for lease in leases.values()}
        finally:
            os.killpg(shell.pid, signal.SIGKILL)
    there.network("list")
    assert there.leases() == {} and there.host.state() == before


def attach_all(there: Stage, pids: list[int]) -> None:
    words = [*there.host.prefix, *there.runtime.argv, "network", "attach", "--networks", str(there.networks), "web"]
    started = []
    for pid in pids:
        process = subprocess.Popen(words, stdin=subprocess.PIPE, env=there.runtime.environment, text=True)
        assert process.stdin
        process.stdin.write(json.dumps({"id": f"many-{pid}", "pid": pid, "bundle": "/nowhere"}))
        process.stdin.close()
        started.append(process)
    assert [process.wait(120 * PATIENCE) for process in started] == [0] * len(pids)


def test_a_port_is_one_containers(there: Stage) -> None:
    there.network("create", "other")
    there.start(there.bundle("one", SERVE, "8080:80"), "one")
    before = there.host.state()
    for number, (network, port) in enumerate((("web", "8080:81"), ("other", "127.0.0.1:8080:80"))):
        done = there.run(there.bundle(f"two{number}", WAIT, port, network=network), "two", check=False)
        assert done.returncode == 1 and f"is container {there.id('one')}'s" in done.stderr
    assert there.host.state() == before


def test_a_full_network(there: Stage) -> None:
    there.network("create", "--subnet", "10.91.0.0/30", "tiny")
    there.start(there.bundle("one", WAIT, network="tiny"), "one")
    done = there.run(there.bundle("two", WAIT, network="tiny"), "two", check=False)
    assert done.returncode == 1 and "no address of 10.91.0.0/30 is left" in done.stderr


# ---- the commands


ROUTES = """
ip link add plain type bridge
ip link set plain up
ip link add idle type bridge
ip address add 10.89.1.1/24 dev plain
ip address add 10.89.2.1/24 dev idle
ip route add 10.89.3.0/24 via 10.89.1.7
ip route add 10.89.4.0/24 dev plain table 77
ip route add 10.89.5.0/24 nexthop via 203.0.113.9 nexthop via 10.89.1.7
ip route add 0.0.0.0/1 dev plain
ip -6 route add fd77::/32 dev plain
ip address add fd79:0:1::1 peer fd79:0:2::1/128 dev idle
"""


def test_a_subnet_that_the_host_reaches_already(there: Stage) -> None:
    """By a route of any table, or an address of a link that is down; not the one to everywhere, nor a half of it."""
    there.host.run("sh", "-euc", ROUTES)
    assert there.network("create", "other").stdout.startswith("other: 10.89.6.0/24, fd")
    for subnet, expected in (
        ("10.89.2.128/25", "idle has the address 10.89.2.1/24"),
        ("10.89.5.0/24", "a route to 10.89.5.0/24 goes by uplink and plain"),
        ("fd77:0:1::/64", "a route to fd77::/32 goes by plain"),
        ("fd79:0:1::/64", "idle has the address fd79:0:1::1/128"),
    ):
        done = there.network("create", "--subnet", subnet, "more", check=False)
        assert done.returncode == 1 and f"{subnet} is taken on this host: {expected}; cure:" in done.stderr
    subnets = ("--subnet", "10.90.0.0/24", "--subnet", "fd79:0:3::/64")
    assert there.network("create", *subnets, "more").returncode == 0


def test_remove_refuses_while_containers_are_there(there: Stage) -> None:
    before = there.host.state()
    there.start(there.bundle("one", WAIT), "one")
    done = there.network("remove", "web", check=False)
    assert done.returncode == 1 and there.id("one") in done.stderr
    there.network("remove", "--force", "web")
    assert there.host.state() == before
    assert there.network("list").stdout.splitlines() == ["NAME  BRIDGE  SUBNETS  CONTAINERS"]
    assert "warning" not in there.minirun("delete", "--force", there.id("one")).stderr  # its hook finds no network


def test_a_dry_run_changes_nothing_and_its_commands_do_the_same(there: Stage) -> None:
    """Each line is run by a shell: then the container is connected."""
    before = there.host.state()
    said = there.network("attach", "--dry-run", "-p", "8080:80", "web").stdout
    assert there.host.state() == before and there.leases() == {}
    lines = [line[6:] for line in said.splitlines() if line.startswith("      ")]
    with namespace_holder("network") as holder:
        Side(holder.pid).run("ip", "link", "set", "lo", "up")
        script = "\n".join([f"pid={holder.pid}", *lines])
        there.host.run("bash", "-euc", script)
        by_hand = there.host.state()
        with Side(holder.pid).server(80, there.place / "pages", "by hand"):
            assert there.host.ask("127.0.0.1", 8080) == "by hand"
            assert there.outside.ask(HOST[0], 8080) == "by hand"
        there.host.run("bash", "-c", "ip link delete mr-web; nft delete table inet minirun_web")
    with namespace_holder("network") as holder:
        state = json.dumps({"id": "example", "pid": holder.pid, "bundle": "/nowhere"})
        there.network("attach", "-p", "8080:80", "web", input=state)
        assert there.host.state() == by_hand
        there.network("detach", "web", input=json.dumps({"id": "example"}))
    assert there.host.state() == before


def test_explain_and_narrate_tell_the_operations(there: Stage) -> None:
    bundle = there.bundle("one", "true", "8080:80")
    explained = there.minirun("explain", str(bundle)).stdout
    assert "make the bridge mr-web" in explained and "ip link add mr-web" in explained
    assert "- give the container's eth0 the address 10.89.0.2/24" in explained
    narrated = there.minirun("run", "--narrate", "--bundle", str(bundle), there.named("one"), stdin=subprocess.DEVNULL)
    assert "- publish port 80/tcp as the host's port 8080" in narrated.stderr


@needs.program("runc")
def test_the_hooks_work_under_runc(there: Stage) -> None:
    before = there.host.state()
    bundle = there.bundle("one", f"ip -o address show eth0; {ASK} {OUTSIDE[0]}:82; cat /etc/hosts", "8080:80")
    name = there.id("other")
    with there.outside.server(82, there.place / "pages", "outside"):
        done = there.host.run("runc", "run", "--bundle", str(bundle), name, stdin=subprocess.DEVNULL)
    assert "inet 10.89.0.2/24" in done.stdout and "outside\n" in done.stdout and f"10.89.0.2 {name}" in done.stdout
    assert there.host.state() == before and there.leases() == {}


# ---- a minirun without this room


def test_without_the_room(place: Path) -> None:
    """All else works: the copy has everything but the one directory."""
    shutil.copytree(REPOSITORY / "minirun", place / "minirun", ignore=shutil.ignore_patterns("network", "__pycache__"))
    for path in ("cli/network.py", "steps/network.py", "kernel/network.py"):  # other things of the name
        shutil.copy(REPOSITORY / "minirun" / path, place / "minirun" / path)
    python = [sys.executable, "-m", "minirun"]
    environment = os.environ | {"PYTHONPATH": str(place)}
    (place / "b" / "rootfs").mkdir(parents=True)
    for words in (["network", "list"], ["network", "create", "web"], ["spec", "-b", "b", "--network", "web"]):
        done = subprocess.run(
            [*python, *words], cwd=place, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert done.stderr == "minirun: this minirun has no network room: minirun/network is missing\n"
    shutil.copy(shutil.which("busybox") or "", place / "b" / "rootfs" / "sh")
    for words in (
        ["spec", "-b", "b"],
        ["explain", "b"],
        ["run", "--set", "/process/terminal=false", "b", "--", "/sh", "-c", "exit 3"],
    ):
        done = subprocess.run(
            [*python, *words],
            cwd=place,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == (3 if words[0] == "run" else 0), done.stderr
