"""minirun/network without a kernel: what is read, what is chosen, and which operations come of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from html import unescape
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from minirun.cli import quick
from minirun.cli.network import DEEDS, OPTIONS, network
from minirun.cli.table import NETWORK, Option
from minirun.errors import StateError
from minirun.network.bridge import MakeBridge
from minirun.network.cable import GiveAddressInside, MakeCable
from minirun.network.commands import hostname_of, make_network
from minirun.network.names import WriteNames, hosts, resolv_conf
from minirun.network.networks import PASTA, SLIRP, Network, forget_network, read_network, save_network
from minirun.network.new import new_network, new_rootless_network, refuse_what_is_another_drivers
from minirun.network.nft import table_text
from minirun.network.plan import attach_plan, cable_name
from minirun.network.pool import Lease, Pool, free_addresses, locked_pool
from minirun.network.ports import Port, read_port
from minirun.network.taken import Taken
from minirun.network.translation import PublishPort, WriteTable
from minirun.plan.options import Options
from minirun.spec.default import default
from minirun.teach import markdown, mermaid, page, svg
from minirun.teach.explanation import explain

if TYPE_CHECKING:
    from minirun.teach.explanation import Explanation

REPOSITORY = Path(__file__).parents[2]
WEB = Network("web", "bridge", ("10.89.0.0/24", "fd4d:1::/64"), ("10.89.0.1", "fd4d:1::1"), "mr-web", ("192.0.2.53",))
ONE = Lease("one", "ship", 4711, 1, ("10.89.0.2", "fd4d:1::2"), (Port("", 8080, 80, "tcp"),))


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("8080:80", Port("", 8080, 80, "tcp")),
        ("53:53/udp", Port("", 53, 53, "udp")),
        ("127.0.0.1:8080:80", Port("127.0.0.1", 8080, 80, "tcp")),
        ("[fd99::1]:8080:80/tcp", Port("fd99::1", 8080, 80, "tcp")),
        ("0.0.0.0:8080:80", Port("", 8080, 80, "tcp")),
    ],
)
def test_ports(text: str, port: Port) -> None:
    assert read_port(text) == port
    assert read_port(str(port)) == port


@pytest.mark.parametrize(
    "text",
    ["", "80", "0:80", "80:65536", "80:80/sctp", "x:80:80", "80:²", "[::1]:80:80", "-1:80", "10.0.0.1:80", ":::"],
)
def test_what_is_no_port(text: str) -> None:
    with pytest.raises(StateError, match="can't publish"):
        read_port(text)


@pytest.mark.parametrize(
    ("one", "other", "clash"),
    [
        ("80:80", "80:81", True),
        ("80:80", "127.0.0.1:80:80", True),
        ("127.0.0.1:80:80", "127.0.0.2:80:80", False),
        ("80:80/tcp", "80:80/udp", False),
    ],
)
def test_ports_that_are_the_same(one: str, other: str, clash: bool) -> None:
    assert read_port(one).clashes(read_port(other)) == read_port(other).clashes(read_port(one)) == clash


def test_the_first_free_address_is_taken() -> None:
    two = ONE.replace(id="two", addresses=("10.89.0.3", "fd4d:1::4"))
    assert free_addresses(WEB, {}) == ("10.89.0.2", "fd4d:1::2")
    assert free_addresses(WEB, {"one": ONE, "two": two}) == ("10.89.0.4", "fd4d:1::3")


@pytest.fixture(autouse=True)
def _both_families(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever this host has."""
    monkeypatch.setattr("minirun.network.new.has_ipv6", lambda: True)


def test_without_ipv6_there_is_one_family(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minirun.network.new.has_ipv6", lambda: False)
    assert new_network("web", (), (), "", (), []).subnets == ("10.89.0.0/24",)
    with pytest.raises(StateError, match="IPv6 is switched off"):
        new_network("web", ("fd4d:2::/64",), (), "", (), [])


def test_what_is_not_said_is_chosen() -> None:
    made = new_network("web", (), (), "", (), [WEB])
    assert made.subnets[0] == "10.89.1.0/24" and made.gateways[0] == "10.89.1.1"
    assert made.subnets[1].startswith("fd") and made.subnets[1].endswith("::/64")
    assert new_network("a-name-of-24-characters-", (), (), "", (), []).bridge != "mr-a-name-of-24-characters-"


@pytest.mark.parametrize(
    ("name", "subnets", "gateways", "bridge", "expected"),
    [
        ("a b", (), (), "", "can't be called"),
        ("-f", (), (), "", "can't be called"),
        ("", (), (), "", "which network"),
        ("other", ("10.89.0.128/25",), (), "", "is the network web's"),
        ("other", ("10.0.0.1/24",), (), "", "host bits set"),
        ("other", ("10.1.0.0/24", "10.2.0.0/24"), (), "", "one subnet of IPv4"),
        ("other", ("10.1.0.0/32",), (), "", "no room"),
        ("other", ("10.1.0.0/24",), ("10.2.0.1",), "", "no host's address"),
        ("other", ("10.1.0.0/24",), ("fd4d:1::1",), "", "one in each subnet"),
        ("other", ("10.1.0.0/24",), ("10.1.0.1", "10.1.0.2"), "", "one in each subnet"),
        ("other", ("10.1.0.0/24",), (), "a-name-that-is-too-long", "bridge can't be called"),
        ("other", ("10.1.0.0/24",), (), "mr-web", "is the network web's bridge"),
    ],
)
def test_what_is_no_network(
    name: str, subnets: tuple[str, ...], gateways: tuple[str, ...], bridge: str, expected: str
) -> None:
    with pytest.raises(StateError, match=expected):
        new_network(name, subnets, gateways, bridge, (), [WEB])


NO_SUBNETS = [
    ("0.0.0.0/0", "part of the internet"),
    ("::/0", "part of the internet"),
    ("128.0.0.0/1", "part of the internet"),
    ("127.0.0.0/8", "loopback"),
    ("127.7.0.0/24", "loopback"),
    ("169.254.7.0/24", "for one link"),
    ("224.0.0.0/24", "multicast"),
    ("255.255.255.0/24", "everybody's"),
    ("0.0.0.0/24", "this host"),
    ("::/64", "loopback"),
    ("::ffff:10.0.0.0/120", "is IPv4"),
    ("fe80::/64", "for one link"),
    ("ff02::/64", "multicast"),
    ("fd4d:1::/127", "no room"),
]


@pytest.mark.parametrize(("subnet", "expected"), NO_SUBNETS)
def test_subnets_that_containers_could_not_use(subnet: str, expected: str) -> None:
    with pytest.raises(StateError, match=expected):
        new_network("web", (subnet,), (), "", (), [])
    with pytest.raises(StateError):
        new_rootless_network("web", (subnet,), (), [])


TAKEN = [Taken(ip_network("10.89.0.0/23"), "a route to 10.89.0.0/23 goes by vpn0")]


def test_what_the_host_reaches_is_not_chosen() -> None:
    assert new_network("web", (), (), "", (), [], TAKEN).subnets[0] == "10.89.2.0/24"
    assert new_rootless_network("web", (), (), [], TAKEN).subnets == ("10.89.2.0/24",)
    all_of_10 = [Taken(ip_network("10.0.0.0/8"), "")]
    assert new_network("web", (), (), "", (), [], all_of_10).subnets[0] == "172.30.0.0/24"
    everything = [Taken(ip_network(text), "") for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]
    with pytest.raises(StateError, match="--subnet names another"):
        new_network("web", (), (), "", (), [], everything)


@pytest.mark.parametrize("subnet", ["10.89.1.0/24", "10.89.0.0/16", "10.89.0.0/23"])
def test_what_the_host_reaches_is_refused(subnet: str) -> None:
    for make in (lambda: new_network("web", (subnet,), (), "", (), [], TAKEN), lambda: rootless(subnet)):
        with pytest.raises(StateError, match=r"a route to 10\.89\.0\.0/23 goes by vpn0\n.*--subnet names another"):
            make()


def rootless(subnet: str) -> Network:
    return new_rootless_network("web", (subnet,), (), [], TAKEN)


@pytest.mark.parametrize(
    ("is_root", "driver", "given", "expected"),
    [
        (True, "pasta", {}, "pasta is for networks without root"),
        (False, "bridge", {}, "only root makes a bridge"),
        (False, "", {"bridge": "br0"}, "nothing to do with --bridge"),
        (False, "pasta", {"gateway": ("10.89.0.1",)}, "nothing to do with --gateway"),
    ],
)
def test_what_is_another_drivers(is_root: bool, driver: str, given: dict[str, object], expected: str) -> None:
    with pytest.raises(StateError, match=expected):
        refuse_what_is_another_drivers(driver, given, is_root=is_root)


def test_the_operations_without_root() -> None:
    """Of either program, with the same addresses."""
    ports = (Port("", 8080, 80, "tcp"), Port("127.0.0.1", 53, 5353, "udp"))
    for driver in (SLIRP, PASTA):
        network = new_rootless_network("web", (), (), [], driver=driver)
        lease = ONE.replace(addresses=free_addresses(network, {}), ports=ports)
        told = "".join(f"{one.describe()}{one.shell()}" for one in attach_plan(network, lease, [], "/networks"))
        assert driver in told and "10.89.0" in told and all(str(port.host) in told for port in ports)
    assert "--tcp-ports 8080:80 --udp-ports 127.0.0.1/53:5353 --tcp-ns none --udp-ns none" in told


def test_a_network_is_read_as_it_was_written(tmp_path: Path) -> None:
    save_network(str(tmp_path), WEB)
    assert read_network(str(tmp_path), "web") == WEB
    with pytest.raises(StateError, match="there is no network other"):
        read_network(str(tmp_path), "other")
    for damage in ("", "[]", "{}", "7"):
        (tmp_path / "web.json").write_text(damage)
        with pytest.raises(StateError, match="is damaged"):
            read_network(str(tmp_path), "web")


def test_leases_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = str(tmp_path / "leases")
    pool = Pool(path)
    pool.of("web")["one"] = ONE
    pool.changed["/proc/sys/x"] = "0"
    pool.save()
    again = Pool(path)
    again.load()
    assert (again.leases, again.changed) == ({"web": {"one": ONE}}, {"/proc/sys/x": "0"})


@pytest.mark.parametrize("damage", ["", "[]", "{}", '{"boot": 7', "\xff"])
def test_a_damaged_file_of_leases_is_told(tmp_path: Path, damage: str) -> None:
    (tmp_path / "leases").write_text(damage, encoding="latin-1")
    with pytest.raises(StateError, match="is damaged"):
        Pool(str(tmp_path / "leases")).load()


# ---- the directory


def test_nothing_stays_of_a_directory_without_networks(tmp_path: Path) -> None:
    """Of minirun's own directory nothing either; one that somebody has named is theirs."""
    for place, left in ((tmp_path / "a" / "minirun", [tmp_path / "a"]), (tmp_path / "b", [tmp_path / "b"])):
        directory = str(place / "networks")
        with locked_pool(directory) as pool:
            save_network(directory, WEB)
            pool.of("web")["one"] = ONE
            pool.save()
        with locked_pool(directory) as pool:
            forget_network(directory, "web")
        assert os.listdir(directory)  # somebody has a lease still
        with locked_pool(directory) as pool:
            pool.of("web").clear()
        assert [path for path in (place / "networks", place, place.parent) if path.exists()][:1] == left


def test_a_network_that_is_refused_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(StateError):
        make_network(str(tmp_path / "networks"), "web", ("127.0.0.0/8",))
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_can_not_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (f"{tmp_path}/file/networks", "/proc/nothing"):
        with pytest.raises(StateError, match=r"can't keep networks in .*\n.*--networks"), locked_pool(place):
            pass


ONE_OF_SEVERAL = """
import os, sys
from minirun.network.pool import locked_pool
for _ in range(150):
    with locked_pool(sys.argv[1]):
        os.close(os.open(sys.argv[2], os.O_CREAT | os.O_EXCL))  # fails where another one is in here, too
        os.unlink(sys.argv[2])
"""


def test_the_lock_is_one_processs_while_its_file_comes_and_goes(tmp_path: Path) -> None:
    """Each that is done removes the directory, on which others wait."""
    words = [sys.executable, "-c", ONE_OF_SEVERAL, str(tmp_path / "minirun" / "networks"), str(tmp_path / "inside")]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    started = [subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    assert [process.communicate()[1] for process in started] == [""] * 4
    assert list(tmp_path.iterdir()) == []


# ---- the operations


def test_the_plan_in_its_order() -> None:
    kinds = [type(operation) for operation in attach_plan(WEB, ONE, [], "/networks")]
    ordered = (MakeBridge, WriteTable, MakeCable, GiveAddressInside, PublishPort, WriteNames)
    assert [kind for kind in dict.fromkeys(kinds) if kind in ordered] == list(ordered)


def test_every_operation_is_told() -> None:
    for operation in attach_plan(WEB, ONE, [], "/networks"):
        assert operation.describe() and not operation.describe().endswith(".")
        assert operation.shell() and operation.man.endswith(")") and type(operation).__doc__


def test_the_table_has_the_ports_of_those_who_are_there() -> None:
    text = table_text(WEB, [ONE])
    assert "elements = { tcp . 8080 : 10.89.0.2 . 80 }" in text and "elements = { tcp . 8080 : fd4d:1::2 . 80 }" in text
    only_4 = WEB.replace(subnets=WEB.subnets[:1], gateways=WEB.gateways[:1])
    assert "ip6 saddr" not in table_text(only_4, [ONE.replace(addresses=ONE.addresses[:1])])


def test_names() -> None:
    two = ONE.replace(id="ship", hostname="", addresses=("10.89.0.3",))
    lines = hosts(WEB, [two, ONE]).splitlines()
    assert lines[2:] == [
        *("10.89.0.1 host.minirun", "fd4d:1::1 host.minirun"),
        *("10.89.0.2 one", "fd4d:1::2 one", "10.89.0.3 ship"),  # an id is nobody else's, so the hostname is left out
    ]
    assert hosts(WEB, [ONE]).splitlines()[-2:] == ["10.89.0.2 ship", "fd4d:1::2 ship"]
    assert resolv_conf(WEB) == "nameserver 192.0.2.53\n"


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST", "host.minirun", "ship"])
def test_nobody_calls_itself_by_anothers_name(name: str) -> None:
    """Else what is meant for another could go there."""
    ship = ONE.replace(id="ship", hostname="", addresses=("10.89.0.3",))
    assert hosts(WEB, [ship, ONE.replace(hostname=name)]) == hosts(WEB, [ship, ONE.replace(hostname="")])


def test_a_hostname_has_an_end(tmp_path: Path) -> None:
    for length, expected in ((64, "x" * 64), (65, ""), (1 << 20, "")):
        (tmp_path / "config.json").write_text(json.dumps({"hostname": "x" * length}))
        assert hostname_of(tmp_path) == expected


def test_the_cables_name_fits() -> None:
    assert len(cable_name(WEB, "x" * 1000)) <= 15
    assert cable_name(WEB, "one") != cable_name(WEB, "two")


# ---- the command line


def refused(*words: str) -> str:
    """What `minirun network` says of these words."""
    call = quick.read(["network", *words])
    assert call
    with pytest.raises(StateError) as caught:
        network(call.named)
    return str(caught.value)


def words_of(option: Option) -> list[str]:
    value = option.choices[-1] if option.choices else "x"
    return [option.flags[0]] if option.kind == "flag" else [option.flags[0], value]


@pytest.mark.parametrize("deed", DEEDS)
def test_an_option_of_another_deed_is_refused(deed: str) -> None:
    others = [option for option in NETWORK.options if option.name not in (*OPTIONS[deed], "networks")]
    assert others
    for option in others:
        assert f"network {deed} has no {option.flags[0]}\n  allowed: --" in refused(deed, *words_of(option))


def test_every_option_is_one_of_a_deed() -> None:
    assert OPTIONS.keys() == DEEDS.keys()
    named = {name for names in OPTIONS.values() for name in names}
    assert named | {"networks"} == {option.name for option in NETWORK.options}


def test_list_takes_no_name() -> None:
    assert "minirun network inspect" in refused("list", "web")


# ---- explained


@pytest.fixture
def explained(tmp_path: Path) -> Explanation:
    """A container's plan, with the hook that connects it."""
    save_network(str(tmp_path), WEB)
    words = ["minirun", "network", "attach", "web", "--networks", str(tmp_path), "--publish", "8080:80/tcp"]
    config = default(rootless=False, uid=0, gid=0) | {"hooks": {"createRuntime": [{"path": "/minirun", "args": words}]}}
    return explain(Options(id="one", bundle="/bundle"), text=json.dumps(config).encode())


def test_every_form_shows_what_the_hook_does(explained: Explanation) -> None:
    (hook,) = (told for told in explained.steps if told.parts)
    sentences = [part.sentence for part in hook.parts]
    assert "make the bridge mr-web" in sentences and "publish port 80/tcp as the host's port 8080" in sentences
    for form, begun in ((markdown.markdown, 0), (page.page, 0), (svg.svg, 40), (mermaid.mermaid, 50)):
        said = unescaped(form(explained))
        missing = [sentence for sentence in sentences if sentence[: begun or None] not in said]
        assert not missing, form
    for form in (markdown.markdown, page.page):
        assert all(part.shell.splitlines()[0] in unescaped(form(explained)) for part in hook.parts)


def unescaped(text: str) -> str:
    """Without what Markdown, XML and Mermaid write for letters that have a meaning there."""
    return unescape(re.sub(r"#(\d+);", lambda found: chr(int(found[1])), re.sub(r"\\(?=[\W_])", "", text)))


def test_pictures_make_room_for_what_the_hook_does(explained: Explanation) -> None:
    """No box begins before the one above it ends."""
    drawn = svg.svg(explained)
    boxes = re.findall(r'<rect class="(?:runtime|container)" x="\d+" y="(\d+)" width="\d+" height="(\d+)"', drawn)
    ends = [int(top) + int(height) for top, height in boxes]
    assert all(end < int(top) for end, (top, _) in zip(ends, boxes[1:]))
    assert max(int(height) for _, height in boxes) > 300
    (height,) = re.findall(r'viewBox="0 0 \d+ (\d+)"', drawn)
    assert int(height) >= ends[-1]
