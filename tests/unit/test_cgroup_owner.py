"""When the container's cgroup is given to the program's user, and to which: config-linux.md#cgroup-ownership."""

from __future__ import annotations

from typing import Any

import pytest

from minirun.plan.limits import CGROUPFS, DISABLED, owner_steps
from minirun.spec.load import parse
from minirun.steps.cgroup_owner import GiveCgroup, host_id
from minirun.steps.step import Refused, Step

NAMESPACE = {"type": "cgroup"}
WRITABLE = {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["nosuid"]}


def steps(namespace: dict[str, Any], mount: dict[str, Any], manager: str = CGROUPFS) -> list[Step]:
    process = {"cwd": "/", "args": ["sh"], "user": {"uid": 7, "gid": 8}}
    linux = {"namespaces": [{"type": "mount"}, namespace]}
    config = parse(
        {"ociVersion": "1.3.0", "root": {"path": "r"}, "process": process, "mounts": [mount], "linux": linux}
    )
    assert config.process
    return owner_steps(config, config.process, manager)


def test_with_its_own_namespace_and_a_mount_to_write_to() -> None:
    assert steps(NAMESPACE, WRITABLE) == [GiveCgroup(7)]
    assert steps(NAMESPACE, WRITABLE | {"destination": "/sys/fs/cgroup/"}) == [GiveCgroup(7)]


@pytest.mark.parametrize(
    ("namespace", "mount"),
    [
        ({"type": "ipc"}, WRITABLE),
        ({"type": "cgroup", "path": "/proc/1/ns/cgroup"}, WRITABLE),
        (NAMESPACE, WRITABLE | {"options": ["nosuid", "ro"]}),
        (NAMESPACE, WRITABLE | {"options": ["rro"]}),
        (NAMESPACE, WRITABLE | {"destination": "/cgroup"}),
        (NAMESPACE, {"destination": "/sys/fs/cgroup", "type": "tmpfs", "source": "tmpfs"}),
    ],
)
def test_else_it_stays_roots(namespace: dict[str, Any], mount: dict[str, Any]) -> None:
    assert steps(namespace, mount) == []


def test_without_a_cgroup_there_is_none_to_give() -> None:
    assert steps(NAMESPACE, WRITABLE, DISABLED) == []


def test_the_owner_is_the_hosts_user_behind_the_containers() -> None:
    assert host_id(7, "         0          0 4294967295\n") == 7
    assert host_id(1000, "0 100000 1000\n1000 5000 1\n") == 5000
    assert host_id(999, "0 100000 1000\n1000 5000 1\n") == 100999
    with pytest.raises(Refused):
        host_id(1001, "0 100000 1000\n1000 5000 1\n")
