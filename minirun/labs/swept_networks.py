"""What a lab leaves of networks: named network namespaces, links, tables of nftables; and how they go (sweep.py)."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress

from ..kernel.libc import SystemCallError
from ..kernel.mounts import umount2
from .programs import said

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .desk import Desk

MNT_DETACH = 2  # sys/mount.h
NAMED_NETWORKS = "/run/netns"  # ip-netns(8)


def named_networks(desk: Desk) -> list[str]:
    """Without root nobody makes these, nor links: they are another one's."""
    return [f"{NAMED_NETWORKS}/{name}" for name in names_of_roots(NAMED_NETWORKS, desk)]


def names_of_roots(directory: str, desk: Desk) -> list[str]:
    names = os.listdir(directory) if os.geteuid() == 0 and os.path.isdir(directory) else []
    return list(filter(desk.is_named, names))


def remove_named_network(path: str) -> None:
    with suppress(SystemCallError):  # a file that nothing is mounted on: half of what ip-netns(8) makes
        umount2(path, MNT_DETACH)
    with suppress(OSError):
        os.unlink(path)


def links(desk: Desk) -> list[str]:
    return names_of_roots("/sys/class/net", desk)


def remove_link(name: str) -> None:
    """The other end of a veth pair goes with it."""
    said("ip", "link", "delete", name)


def tables(desk: Desk) -> list[str]:
    """Of nftables, each as "family name". Without root there are none."""
    if shutil.which("nft") is None or os.geteuid() != 0:
        return []
    rows = (line.split() for line in said("nft", "list", "tables").splitlines())
    return [f"{row[1]} {row[2]}" for row in rows if len(row) == 3 and desk.is_named(row[2])]


def remove_table(named: str) -> None:
    said("nft", "delete", "table", *named.split())
