"""config-linux.md#network-devices. The tests' "host" is a network namespace of their own: veth(4) pairs live there."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from kernel.kit import needs
from kernel.kit.helpers import namespace_holder

pytestmark = [pytest.mark.root, pytest.mark.deviates("runc", "came with 1.4"), pytest.mark.deviates("crun", "is newer")]


class Host:
    """A network namespace that a runtime is started in."""

    def __init__(self, pid: int) -> None:
        self.prefix = ("nsenter", "--target", str(pid), "--net")

    def ip(self, *words: str) -> str:
        return subprocess.run(
            [*self.prefix, "ip", *words], check=True, capture_output=True, text=True, timeout=10
        ).stdout

    def devices(self) -> set[str]:
        return {link["ifname"] for link in json.loads(self.ip("-json", "link"))}


def addresses(pid: int, device: str) -> Any:
    """The device as the container has it, and its addresses of global scope."""
    words = ["nsenter", "--target", str(pid), "--net", "ip", "-json", "address", "show", "dev", device]
    (told,) = json.loads(subprocess.run(words, check=True, capture_output=True, text=True, timeout=10).stdout)
    return told, {(a["local"], a["prefixlen"]) for a in told["addr_info"] if a["scope"] == "global"}


@pytest.fixture
def host():
    with namespace_holder("network") as holder:
        made = Host(holder.pid)
        made.ip("link", "add", "far", "type", "veth", "peer", "name", "near")
        yield made


@pytest.fixture
def there(runtime, host):
    """The runtime under test, in that namespace."""
    plain = runtime.argv
    runtime.argv = [*host.prefix, *plain]
    yield runtime
    runtime.argv = plain


def test_a_device_moves_into_the_container_and_is_up(there, bundle, host):
    made = bundle("sleep")
    made.linux["netDevices"] = {"near": {}}
    with there.running(made) as container:
        told, _ = addresses(container.pid, "near")
        assert "UP" in told["flags"]
        assert host.devices() == {"lo", "far"}


def test_a_device_gets_a_new_name(there, bundle, host):
    made = bundle()
    made.linux["netDevices"] = {"near": {"name": "eth0"}}
    assert set(there.run(made).json["interfaces"]) == {"lo", "eth0"}


def test_the_kernel_finishes_a_template(there, bundle, host):
    host.ip("link", "add", "far2", "type", "veth", "peer", "name", "near2")
    made = bundle()
    made.linux["netDevices"] = {"near": {"name": "net%d"}, "near2": {"name": "net%d"}}
    assert set(there.run(made).json["interfaces"]) == {"lo", "net0", "net1"}


def test_a_device_keeps_its_permanent_global_addresses(there, bundle, host):
    for address in ("192.0.2.7/24", "192.0.2.8/32"):
        host.ip("address", "add", address, "dev", "near")
    host.ip("address", "add", "192.0.2.9/24", "dev", "near", "valid_lft", "600", "preferred_lft", "600")
    host.ip("address", "add", "198.51.100.1/24", "dev", "near", "scope", "link")
    host.ip("link", "set", "near", "up")
    made = bundle("sleep")
    made.linux["netDevices"] = {"near": {"name": "eth0"}}
    with there.running(made) as container:
        _, kept = addresses(container.pid, "eth0")
    assert kept == {("192.0.2.7", 24), ("192.0.2.8", 32)}


@needs.ipv6()
def test_a_device_keeps_its_address_of_version_6(there, bundle, host):
    host.ip("address", "add", "2001:db8::7/64", "dev", "near")
    host.ip("link", "set", "near", "up")
    made = bundle("sleep")
    made.linux["netDevices"] = {"near": {"name": "eth0"}}
    with there.running(made) as container:
        _, kept = addresses(container.pid, "eth0")
    assert kept == {("2001:db8::7", 64)}


def test_a_sysctl_may_be_about_the_device(there, bundle, host):
    path = "/proc/sys/net/ipv4/conf/eth0/forwarding"
    made = bundle("read", path)
    made.linux["netDevices"] = {"near": {"name": "eth0"}}
    made.linux["sysctl"] = {"net.ipv4.conf.eth0.forwarding": "1"}
    assert there.run(made).json[path]["text"].strip() == "1"


def test_a_device_moves_into_a_user_namespace(there, bundle, host):
    made = bundle()
    made.user_namespace()
    made.linux["netDevices"] = {"near": {}}
    assert set(there.run(made).json["interfaces"]) == {"lo", "near"}


def test_a_namespace_that_lives_on_keeps_the_device(there, bundle, host):
    """config-linux.md#network-devices: the runtime MUST NOT move it out before the namespace is deleted."""
    with namespace_holder("network") as joined:
        made = bundle("exit", "0")
        made.namespace("network", f"/proc/{joined.pid}/ns/net")
        made.linux["netDevices"] = {"near": {}}
        assert there.run(made).status == 0
        assert "near" in Host(joined.pid).devices()
        assert "near" not in host.devices()


# ---- refused, and nothing has changed then


@pytest.mark.parametrize(
    ("device", "name"),
    [
        ("nonsense0", None),
        ("near", "lo"),
        ("near", "much-too-long-a-name"),
        ("near", "a/b"),
        ("near", "%d%d"),
        ("lo", "lo2"),
    ],
)
def test_what_cannot_be_is_refused(there, bundle, host, device, name):
    before = host.devices()
    made = bundle()
    made.linux["netDevices"] = {device: {} if name is None else {"name": name}}
    assert there.run(made).refused
    assert host.devices() == before


def test_two_devices_of_one_name_are_refused(there, bundle, host):
    made = bundle()
    made.linux["netDevices"] = {"near": {"name": "eth0"}, "far": {"name": "eth0"}}
    assert there.run(made).refused
    assert host.devices() == {"lo", "near", "far"}


@pytest.mark.parametrize("path", [None, "/proc/self/ns/net"])
def test_without_a_network_namespace_of_its_own_it_is_refused(there, bundle, host, path):
    made = bundle()
    made.without_namespace("network")
    if path:
        made.namespace("network", path)
    made.linux["netDevices"] = {"near": {}}
    assert there.run(made).refused


@pytest.mark.only("minirun", "others leave it to the namespace's end")
def test_a_start_that_fails_gives_the_devices_back(there, bundle, host):
    """runtime.md#errors: as if the operation had never been attempted."""
    host.ip("address", "add", "192.0.2.7/24", "dev", "near")
    made = bundle()
    made.process["args"] = ["/no/such/program"]
    made.linux["netDevices"] = {"near": {"name": "eth0"}}
    with namespace_holder("network") as joined:
        made.namespace("network", f"/proc/{joined.pid}/ns/net")
        assert there.run(made).refused
    assert host.devices() == {"lo", "near", "far"}
    told = host.ip("address", "show", "dev", "near")
    assert "192.0.2.7/24" in told
    assert "state DOWN" in told
