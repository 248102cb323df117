"""Which kernel parameters belong to a namespace: only those may differ between a container and the host.

The kernel checks the credentials of who opens a file below /proc/sys, not whose value it changes: a runtime that is
root could write all of them.
"""

from __future__ import annotations

# ipc_namespaces(7), uts_namespaces(7)
OWNERS = {
    "kernel/msgmax": "ipc",
    "kernel/msgmnb": "ipc",
    "kernel/msgmni": "ipc",
    "kernel/sem": "ipc",
    "kernel/shmall": "ipc",
    "kernel/shmmax": "ipc",
    "kernel/shmmni": "ipc",
    "kernel/shm_rmid_forced": "ipc",
    "kernel/domainname": "uts",
}
# mq_overview(7), network_namespaces(7), namespaces(7)
OWNERS_OF_TREES = {"fs/mqueue/": "ipc", "net/": "network", "user/": "user"}

SWAP = str.maketrans("./", "/.")


def path_of(key: str) -> str:
    """The file below /proc/sys for a key in either of sysctl(8)'s forms: net.ipv4.ip_forward, net/ipv4/ip_forward.

    The first separator decides. In the form with dots a slash stands for a dot in a name, as in the network interface
    of net.ipv4.conf.eth0/100.forwarding.
    """
    first = next((char for char in key if char in "./"), ".")
    return key.translate(SWAP) if first == "." else key


def namespace_of(key: str) -> str | None:
    """The type of namespace that the parameter belongs to; None for the host's own, and for what is no parameter."""
    path = path_of(key)
    if not {"", ".", ".."}.isdisjoint(path.split("/")):
        return None  # "net/../kernel/core_pattern" begins well
    tree = (owner for start, owner in OWNERS_OF_TREES.items() if path.startswith(start))
    return OWNERS.get(path) or next(tree, None)
