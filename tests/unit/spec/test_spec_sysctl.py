"""The names of kernel parameters."""

from __future__ import annotations

from pathlib import Path

import pytest

from minirun.spec.sysctl import namespace_of, path_of


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("net.ipv4.ip_forward", "net/ipv4/ip_forward"),
        ("net/ipv4/ip_forward", "net/ipv4/ip_forward"),
        ("net.ipv4.conf.eth0/100.forwarding", "net/ipv4/conf/eth0.100/forwarding"),
        ("net/ipv4/conf/eth0.100/forwarding", "net/ipv4/conf/eth0.100/forwarding"),
        ("plain", "plain"),
    ],
)
def test_both_forms_name_the_same_file(key: str, path: str) -> None:
    assert path_of(key) == path


@pytest.mark.parametrize(
    ("key", "namespace"),
    [
        ("kernel.sem", "ipc"),
        ("kernel.domainname", "uts"),
        ("net.core.somaxconn", "network"),
        ("user.max_pid_namespaces", "user"),
    ],
)
def test_namespaced_parameters_are_files_of_this_kernel(key: str, namespace: str) -> None:
    assert (Path("/proc/sys") / path_of(key)).is_file()
    assert namespace_of(key) == namespace


def test_no_file_of_this_kernel_outside_the_trees_has_an_owner_but_the_listed() -> None:
    ipc = {"msgmax", "msgmnb", "msgmni", "sem", "shmall", "shmmax", "shmmni", "shm_rmid_forced"}
    owners = {file.name: namespace_of(f"kernel.{file.name}") for file in Path("/proc/sys/kernel").iterdir()}
    assert {name for name, owner in owners.items() if owner == "ipc"} == ipc
    assert {name for name, owner in owners.items() if owner not in (None, "ipc")} == {"domainname"}
