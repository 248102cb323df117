"""Who has which address: one file for all networks, and a lock around every look at it.

A lease is its container's, and its container is a process: where that is gone (or has another start time, or the host
has been started anew), the lease is nobody's. So nothing has to be told of a SIGKILL or a power cut; the next who comes
sweeps (commands.py: sweep).
"""

from __future__ import annotations

import contextlib
import json
import os
from errno import EEXIST, ENOENT
from ipaddress import ip_address, ip_network

from ..errors import CURE, StateError, reason
from ..kernel import files, locks, processes
from ..record import Record
from .networks import BRIDGE, network_names
from .ports import Port, read_port

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .networks import Network

ALL_OF_IT = (0, 1)  # the lock is on the file's first byte
OWN_NAME = "minirun"  # of the directory above, where nobody has named another
TRIES = 1000  # to find the directory there, while others remove it
REMOVED_MEANWHILE = (ENOENT, EEXIST)  # EEXIST: it was there for mkdir(2), and was not when Python looked what it is
ELSEWHERE = "--networks names another directory, and where it is root's, only root may"
MOST = 16 << 20  # bytes: more than a network full of leases


class Lease(Record):
    """What a container has of a network. `started` is the start time of its process, in clock ticks since the boot."""

    id: str
    hostname: str
    pid: int
    started: int
    addresses: tuple[str, ...]
    ports: tuple[Port, ...] = ()

    def is_held(self) -> bool:
        """Whether the container is there: a process that has ended has given its namespaces up, reaped or not."""
        stat = processes.stat_fields(self.pid, self.started)
        return stat is not None and not processes.has_ended(stat)

    def to_json(self) -> dict[str, Any]:
        own = {"hostname": self.hostname, "pid": self.pid, "started": self.started}
        return {**own, "addresses": list(self.addresses), "ports": [str(port) for port in self.ports]}


def lease_from_json(name: str, found: dict[str, Any]) -> Lease:
    ports = tuple(read_port(text) for text in found["ports"])
    return Lease(name, found["hostname"], found["pid"], found["started"], tuple(found["addresses"]), ports)


class Pool:
    """The file's content, while the lock is held. Whoever changes something saves it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.leases: dict[str, dict[str, Lease]] = {}  # network -> container -> lease
        self.changed: dict[str, str] = {}  # switches of the host's that are not as they were: path -> value before

    def of(self, network: str) -> dict[str, Lease]:
        return self.leases.setdefault(network, {})

    def load(self) -> None:
        """What an earlier boot has left means nothing. Raises StateError."""
        if not files.is_there(self.path):
            return
        try:
            self.take_over(json.loads(files.read_regular(self.path, MOST)))
        except (ValueError, TypeError, KeyError, AttributeError, StateError) as error:
            raise StateError(
                f"{self.path!r} is damaged: {error}{CURE}end all containers with a network, and remove it"
            ) from None

    def take_over(self, found: dict[str, Any]) -> None:
        if found["boot"] == boot():
            self.changed = found["changed"]
            for network, leases in found["leases"].items():
                self.leases[network] = {name: lease_from_json(name, one) for name, one in leases.items()}

    def save(self) -> None:
        leases = {
            network: {name: lease.to_json() for name, lease in found.items()}
            for network, found in self.leases.items()
            if found
        }
        content = {"boot": boot(), "changed": self.changed, "leases": leases}
        files.replace_file(self.path, (json.dumps(content, indent=2) + "\n").encode(), 0o644)

    def refuse_taken(self, ports: tuple[Port, ...]) -> None:
        """A port of the host's leads to one container only, in all networks. Raises StateError."""
        for leases in self.leases.values():
            for lease in leases.values():
                for taken, port in ((taken, port) for taken in lease.ports for port in ports):
                    if taken.clashes(port):
                        raise StateError(
                            f"can't publish {port}: {taken} is container {lease.id}'s{CURE}publish another port"
                        )


def boot() -> str:
    """Which one this is (random(4))."""
    return files.read_file("/proc/sys/kernel/random/boot_id").strip()


@contextlib.contextmanager
def locked_pool(directory: str) -> Iterator[Pool]:
    """Everything in here is done by one process at a time. The lock ends with its process, however that ends."""
    lock = lock_of(directory)
    try:
        pool = Pool(f"{directory}/.leases.json")
        pool.load()
        try:
            yield pool
        finally:
            leave_no_empty_directory(directory, pool)
    finally:
        os.close(lock)


def lock_of(directory: str) -> int:
    """Whoever had the lock before may have removed the file, and the directory with it: then there is another one to be
    made, and to wait for. Raises StateError."""
    path = f"{directory}/.lock"
    failure = OSError(ENOENT, "")
    for _ in range(TRIES):
        try:
            os.makedirs(directory, mode=0o755, exist_ok=True)
            lock = locked(path)
        except OSError as error:
            failure = error
            if error.errno not in REMOVED_MEANWHILE:
                break
            continue
        if lock is not None:
            return lock
    raise StateError(f"can't keep networks in {directory!r}: {reason(failure)}{CURE}{ELSEWHERE}")


def locked(path: str) -> int | None:
    """The file, waited for and locked; None where it has been removed meanwhile."""
    lock = locks.open(path, make=True)
    try:
        is_still_there = waited_for(lock, path)
    except OSError:
        os.close(lock)
        raise
    if not is_still_there:
        os.close(lock)
    return lock if is_still_there else None


def waited_for(lock: int, path: str) -> bool:
    """Whether the file that is locked then is still the one of this name."""
    locks.wait_for(lock, ALL_OF_IT)
    try:
        return os.path.samestat(os.fstat(lock), os.stat(path, follow_symlinks=False))
    except FileNotFoundError:
        return False


def leave_no_empty_directory(directory: str, pool: Pool) -> None:
    """Where nothing is left to be known, as after the last network or a mistake with the first. The lock is held until
    after: who waits for it looks again."""
    if network_names(directory) or any(pool.leases.values()) or pool.changed:
        return
    with contextlib.suppress(OSError):  # somebody else's files may be in there, too
        for name in (".leases.json", ".lock"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{directory}/{name}")
        os.rmdir(directory)
        if os.path.basename(os.path.dirname(directory)) == OWN_NAME:
            os.rmdir(os.path.dirname(directory))


def peeked_pool(directory: str) -> Pool:
    """The same to look at only, without a lock: the file is replaced as a whole."""
    pool = Pool(f"{directory}/.leases.json")
    with contextlib.suppress(OSError):
        pool.load()
    return pool


def free_addresses(network: Network, leases: dict[str, Lease]) -> tuple[str, ...]:
    """The first free address of each subnet; without root, each container is alone in its own, with the address that
    slirp4netns gives. Raises StateError."""
    if network.driver != BRIDGE:
        return (str(ip_network(network.subnet(4))[100]),)
    taken = {ip_address(address) for lease in leases.values() for address in lease.addresses}
    taken |= set(map(ip_address, network.gateways))
    return tuple(first_free(subnet, taken) for subnet in network.subnets)


def first_free(text: str, taken: set[Any]) -> str:
    subnet = ip_network(text)
    for address in subnet.hosts():
        if address not in taken:
            return str(address)
    raise StateError(f"no address of {subnet} is left{CURE}a network with a larger subnet, or fewer containers")
