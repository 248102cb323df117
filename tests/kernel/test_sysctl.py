"""config-linux.md#sysctl: parameters of the container's namespaces only, never the host's."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.root


def parameter(name):
    return "/proc/sys/" + name.replace(".", "/")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("net.ipv4.ip_unprivileged_port_start", "80"),
        ("net.ipv4.ip_forward", "1"),
        ("kernel.msgmax", "4096"),
        ("kernel.shm_rmid_forced", "1"),
        ("kernel.domainname", "harbour.example"),
        ("fs.mqueue.msg_max", "20"),
    ],
)
def test_a_parameter_of_a_namespace_is_set_in_the_container_only(runtime, bundle, name, value):
    made = bundle("read", parameter(name))
    made.linux["sysctl"] = {name: value}
    before = Path(parameter(name)).read_text()
    assert before.strip() != value
    assert runtime.run(made).json[parameter(name)]["text"] == value + "\n"
    assert Path(parameter(name)).read_text() == before


def test_a_name_may_be_written_with_slashes(runtime, bundle):
    made = bundle("read", parameter("net.ipv4.ip_forward"))
    made.linux["sysctl"] = {"net/ipv4/ip_forward": "1"}
    assert runtime.run(made).json[parameter("net.ipv4.ip_forward")]["text"] == "1\n"


def test_a_name_with_slashes_may_hold_a_dot(runtime, bundle):
    """sysctl(8): the interface eth0.100 in net/ipv4/conf/eth0.100/forwarding"""
    made = bundle("read", "/proc/sys/net/ipv4/conf/lo/forwarding")
    made.linux["sysctl"] = {"net.ipv4.conf.lo.forwarding": "1"}
    assert runtime.run(made).json["/proc/sys/net/ipv4/conf/lo/forwarding"]["text"] == "1\n"


@pytest.mark.parametrize(
    "name", ["vm.swappiness", "kernel.pid_max", "kernel.hostname", "fs.file-max", "kernel.core_pattern"]
)
def test_a_parameter_of_the_host_is_refused(runtime, bundle, name):
    """Its own value is asked for, so that a runtime which does set it changes nothing."""
    made = bundle()
    before = Path(parameter(name)).read_text()
    made.linux["sysctl"] = {name: before.strip()}
    assert runtime.run(made).refused
    assert Path(parameter(name)).read_text() == before


@pytest.mark.parametrize(
    ("name", "namespace"), [("net.ipv4.ip_forward", "network"), ("kernel.msgmax", "ipc"), ("kernel.domainname", "uts")]
)
def test_a_parameter_of_a_namespace_that_is_the_hosts_is_refused(runtime, bundle, name, namespace):
    made = bundle()
    made.without_namespace(namespace)
    before = Path(parameter(name)).read_text()
    made.linux["sysctl"] = {name: before.strip()}
    assert runtime.run(made).refused
    assert Path(parameter(name)).read_text() == before


@pytest.mark.parametrize("name", ["net.no.such.parameter", "net/../vm/swappiness", "net/ipv4/../../vm/swappiness"])
def test_a_name_that_is_no_parameter_is_refused(runtime, bundle, name):
    made = bundle()
    before = Path("/proc/sys/vm/swappiness").read_text()
    made.linux["sysctl"] = {name: before.strip()}
    assert runtime.run(made).refused
    assert Path("/proc/sys/vm/swappiness").read_text() == before


def test_a_value_that_the_kernel_does_not_take_is_refused(runtime, bundle):
    made = bundle()
    made.linux["sysctl"] = {"net.ipv4.ip_unprivileged_port_start": "many"}
    assert runtime.run(made).refused


def test_parameters_are_set_although_proc_sys_is_read_only(runtime, bundle):
    made = bundle("open", parameter("net.ipv4.ip_forward"))
    made.linux["sysctl"] = {"net.ipv4.ip_forward": "1"}
    made.linux["readonlyPaths"] = ["/proc/sys"]
    assert runtime.run(made).json[parameter("net.ipv4.ip_forward")]["write"] == "EROFS"
