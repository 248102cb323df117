"""config-linux.md#control-groups: where the container's cgroup is, and whose. cgroups(7)"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..machine import CGROUP, needs_cgroup2, needs_cgroups, needs_namespace
from ..suite import SHOULD, NotTestable, clause, expect, expect_true

if TYPE_CHECKING:
    from ..container import Container

PATH = "config-linux.md#cgroups-path"
OWNERSHIP = "config-linux.md#cgroup-ownership"
DELEGATE = Path("/sys/kernel/cgroup/delegate")


def paths_of(container: Container) -> list[str]:
    with container.running() as running:
        return running.cgroups()


@clause(
    PATH,
    (
        "In the case of an absolute path (starting with `/`), the runtime MUST take the path to be relative to "
        "the cgroups mount point."
    ),
)
def an_absolute_cgroups_path(container: Container) -> None:
    needs_cgroups(container)
    container.linux["cgroupsPath"] = f"/{container.id}/deeper"
    found = paths_of(container)
    remove_parent(container)
    wanted = f"/{container.id}/deeper"
    expect_true(f"the container is in {wanted} ({found})", found[-1] == wanted or (len(found) > 1 and wanted in found))


def remove_parent(container: Container) -> None:
    """The runtime made it, but it is not the container's own cgroup, so nobody is told to remove it."""
    for top in [CGROUP, *CGROUP.iterdir()]:
        if (top / container.id).is_dir():
            os.rmdir(top / container.id)


@clause(
    PATH,
    (
        "If the value is specified, the runtime MUST consistently attach to the same place in the cgroups "
        "hierarchy given the same value of `cgroupsPath`."
    ),
)
def the_same_cgroups_path_twice(container: Container) -> None:
    needs_cgroups(container)
    container.linux["cgroupsPath"] = container.id
    expect("the cgroups of the second run", paths_of(container), paths_of(container))


@clause(PATH, "The cgroups will be created if they don't exist.")
def the_container_has_a_cgroup_of_its_own(container: Container) -> None:
    needs_cgroups(container)
    ours = [line.split(":", 2)[2] for line in Path("/proc/self/cgroup").read_text().splitlines()]
    expect_true("the container is in another cgroup than its caller", set(paths_of(container)) - set(ours))


# ---- ownership


def owners(container: Container, uid: int, *options: str, has_namespace: bool = True) -> dict[str, int]:
    """The files of the container's cgroup with their owners, where the program runs as `uid` of a user namespace."""
    needs_cgroup2(container)
    needs_namespace("user")
    container.user_namespace()
    if has_namespace:
        container.namespace("cgroup")
    container.process["user"] = {"uid": uid, "gid": uid}
    container.linux["cgroupsPath"] = f"/{container.id}"
    if options:
        container.mount("/sys/fs/cgroup", *options, kind="cgroup", source="cgroup")
    with container.running() as running:
        directory = Path(f"{CGROUP}{running.cgroups()[-1]}")
        return {".": directory.stat().st_uid} | {file.name: file.stat().st_uid for file in directory.iterdir()}


@clause(
    OWNERSHIP,
    "If the configuration does not specify such a mount, the runtime SHOULD NOT change the cgroup ownership.",
    level=SHOULD,
)
def the_owner_of_a_cgroup_that_is_not_mounted(container: Container) -> None:
    expect("the owners", set(owners(container, 0).values()), {0})


@clause(
    OWNERSHIP,
    "Runtimes SHOULD change the cgroup ownership if and only if the cgroup filesystem is to be mounted read/write",
    level=SHOULD,
)
def the_owner_of_a_cgroup_that_is_mounted_for_reading(container: Container) -> None:
    expect("the owners", set(owners(container, 0, "ro", "nosuid").values()), {0})


@clause(
    OWNERSHIP,
    "Runtimes SHOULD change the cgroup ownership if and only if the cgroup filesystem is to be mounted read/write",
    level=SHOULD,
)
def the_owner_of_a_cgroup_that_is_mounted_for_writing(container: Container) -> None:
    expect("the owner of the directory", owners(container, 7, "nosuid")["."], 100007)


@clause(
    OWNERSHIP,
    (
        "A runtime SHOULD NOT change the ownership of a container cgroup unless it will also create a new cgroup "
        "namespace for the container."
    ),
    level=SHOULD,
)
def the_owner_of_a_cgroup_without_a_cgroup_namespace(container: Container) -> None:
    expect("the owners", set(owners(container, 0, "nosuid", has_namespace=False).values()), {0})


@clause(OWNERSHIP, "The runtime SHOULD NOT change the ownership of any other files.", level=SHOULD)
def the_owner_of_a_cgroups_other_files(container: Container) -> None:
    if not DELEGATE.exists():
        raise NotTestable("this kernel has no /sys/kernel/cgroup/delegate")
    allowed = {".", *DELEGATE.read_text().split()}
    told = owners(container, 0, "nosuid")
    expect("changed besides", [name for name, uid in told.items() if uid != 0 and name not in allowed], [])
