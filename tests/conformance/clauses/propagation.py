"""Propagation of mounts, and of the root: mount_namespaces(7)."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from ..machine import host_mount, mount, mount_tree
from ..suite import clause, expect, expect_true

if TYPE_CHECKING:
    from ..container import Container
    from ..machine import Mounted

OPTIONS = "config.md#linux-mount-options"
TABLE = "Runtimes MUST/SHOULD/MAY implement the following option strings for Linux: Bind mount propagation"
ROOTFS = "config-linux.md#rootfs-mount-propagation"
ROOTFS_VALUES = {
    "shared": "`shared`: the rootfs mount belongs to a new peer group.",
    "slave": (
        "`slave`: the rootfs mount receives propagation events from the host (e.g. if something is mounted on the "
        "host it will also appear in the container) but not the other way around."
    ),
    "private": "`private`: the rootfs mount doesn't receive mount propagation events from the host",
    "unbindable": "`unbindable`: the rootfs mount is a private mount that cannot be bind-mounted.",
}


def kind_of(mount: Mounted) -> str:
    words = {field.split(":")[0] for field in mount.propagation}
    return "+".join(sorted(words)) or "private"


SHOWN = {"private": "private", "shared": "shared", "unbindable": "unbindable"}


@clause(OPTIONS, TABLE, each=SHOWN)
def propagation_of_a_mount(container: Container, option: str) -> None:
    with host_mount(container.place / "host") as source:
        container.bind(source, "/mnt", option)
        expect("the propagation of /mnt", kind_of(container.look().mounted_at("/mnt")), SHOWN[option])


@clause(OPTIONS, TABLE)
def propagation_of_a_mount_slave(container: Container) -> None:
    with host_mount(container.place / "host") as source:
        mount("--make-shared", source)
        container.bind(source, "/mnt", "slave")
        expect("the propagation of /mnt", kind_of(container.look().mounted_at("/mnt")), "master")


@clause(OPTIONS, TABLE, each=SHOWN)
def recursive_propagation_of_mounts(container: Container, option: str) -> None:
    with mount_tree(container.place / "tree") as tree:
        container.bind(tree, "/mnt", "rbind", "r" + option)
        seen = container.look()
    kinds = [kind_of(seen.mounted_at(point)) for point in ("/mnt", "/mnt/sub")]
    expect("the propagation of /mnt and /mnt/sub", kinds, [SHOWN[option]] * 2)


@clause(OPTIONS, TABLE)
def recursive_propagation_of_mounts_slave(container: Container) -> None:
    with mount_tree(container.place / "tree") as tree:
        mount("--make-rshared", tree)
        container.bind(tree, "/mnt", "rbind", "rslave")
        seen = container.look()
    kinds = [kind_of(seen.mounted_at(point)) for point in ("/mnt", "/mnt/sub")]
    expect("the propagation of /mnt and /mnt/sub", kinds, ["master", "master"])


# ---- the root


@clause(ROOTFS, ROOTFS_VALUES["shared"])
def rootfs_propagation_shared(container: Container) -> None:
    container.linux["rootfsPropagation"] = "shared"
    expect_true("/ is shared", "shared" in kind_of(container.look().mounted_at("/")))


@clause(ROOTFS, ROOTFS_VALUES["unbindable"])
def rootfs_propagation_unbindable(container: Container) -> None:
    container.linux["rootfsPropagation"] = "unbindable"
    expect("the propagation of /", kind_of(container.look().mounted_at("/")), "unbindable")


def mounted_on_the_host(container: Container, value: str) -> list[str]:
    """What a container with this propagation sees of a mount that the host makes in its root file system."""
    container.linux["rootfsPropagation"] = value
    with container.running() as running:
        mount("-t", "tmpfs", "tmpfs", container.rootfs / "tmp")
        try:
            return [seen.point for seen in running.mounts() if seen.point == "/tmp"]
        finally:
            subprocess.run(["umount", str(container.rootfs / "tmp")], check=False, timeout=10)


@clause(ROOTFS, ROOTFS_VALUES["slave"])
def rootfs_propagation_slave(container: Container) -> None:
    expect("a mount of the host in the root file system", mounted_on_the_host(container, "slave"), ["/tmp"])


@clause(ROOTFS, ROOTFS_VALUES["private"])
def rootfs_propagation_private(container: Container) -> None:
    expect("a mount of the host in the root file system", mounted_on_the_host(container, "private"), [])


@clause(ROOTFS, "Its value is either `shared`, `slave`, `private` or `unbindable`.")
def rootfs_propagation_of_another_kind(container: Container) -> None:
    container.linux["rootfsPropagation"] = "sideways"
    container.must_be_refused("rootfsPropagation is 'sideways'")
