"""A container is connected and cut off, and what is left of those that were killed is swept."""

from __future__ import annotations

import contextlib
from errno import ENODEV, ENOENT

from ..errors import CURE, SHORTAGES, MinirunError, StateError, StepError, reason
from ..kernel import files, processes
from ..kernel.libc import SystemCallError
from .links import Sites
from .networks import read_network
from .nft import NftError, has_tables
from .operation import NetworkRefused
from .plan import attach_plan, container_plan, names_operation, network_plan
from .pool import Lease, free_addresses
from .switches import name_of_switch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from .networks import Network
    from .operation import Operation
    from .pool import Pool
    from .ports import Port

    # Is told of each operation: its number from 1 on, and what came of it
    Teller = Callable[[int, Operation, str], None]


def nobody_listens(_number: int, _operation: Operation, _result: str) -> None:
    pass


def connect(network: Network, lease: Lease, pool: Pool, directory: str, tell: Teller = nobody_listens) -> None:
    """Connect a container. The lease is in the file before anything is made by it: whatever kills this process, the
    next one knows what to sweep. Raises StepError; then nothing is left."""
    others = list(pool.of(network.name).values())
    pool.of(network.name)[lease.id] = lease
    pool.save()
    with Sites(lease.pid, pool.changed) as sites:
        try:
            apply_all(attach_plan(network, lease, others, directory), sites, tell)
        except BaseException:
            cut_off(network, lease, pool, directory, sites)
            raise
        finally:
            pool.save()


def apply_all(operations: Sequence[Operation], sites: Sites, tell: Teller) -> None:
    for number, operation in enumerate(operations, start=1):
        sites.result = ""
        try:
            operation.apply(sites)
        except (OSError, NftError, NetworkRefused) as error:
            tell(number, operation, "FAILED")
            raise failure(operation, number, len(operations), error) from None
        tell(number, operation, sites.result)


def failure(operation: Operation, number: int, total: int, error: Exception) -> StepError:
    errno = getattr(error, "errno", None) or 0
    why = reason(error) if isinstance(error, OSError) else str(getattr(error, "reason", error)).partition("\n")[0]
    cure = getattr(error, "cure", "") or operation.cures.get(errno) or SHORTAGES.get(errno, "")
    call = getattr(error, "shown", "")
    return StepError(number, total, operation.describe(), "", why, call=call, cure=cure, manual=operation.man)


def cut_off(network: Network, lease: Lease, pool: Pool, directory: str, sites: Sites) -> None:
    """Take back what is a container's; with the last one, what is the network's. Whatever fails, the rest is done, and
    the lease stays, so that the next one tries again."""
    pool.of(network.name).pop(lease.id, None)
    left = tuple(pool.of(network.name).values())
    operations = (*(() if left else network_plan(network, ())), *container_plan(network, lease, directory))
    failures = []
    for operation in reversed(operations):
        try:
            operation.undo(sites)
        except (OSError, NftError) as error:
            failures.append(f"could not undo “{operation.describe()}”: {error}")
    with contextlib.suppress(OSError):
        names_operation(network, left, directory).apply(sites)
    if failures:
        pool.of(network.name)[lease.id] = lease
        pool.save()
        raise MinirunError("\n".join(failures))
    pool.save()


def disconnect(network: Network, lease: Lease, pool: Pool, directory: str) -> None:
    with Sites(lease.pid, pool.changed) as sites:
        cut_off(network, lease, pool, directory, sites)


def sweep(pool: Pool, directory: str) -> list[str]:
    """Take back what containers have left that are there no more: whoever has killed their runtime has kept it from
    that. Their ids. Of a network whose file somebody has removed, only the leases are known."""
    swept = []
    for name, leases in list(pool.leases.items()):
        for lease in [lease for lease in leases.values() if not lease.is_held()]:
            try:
                disconnect(read_network(directory, name), lease, pool, directory)
            except StateError:
                leases.pop(lease.id)
                pool.save()
            except MinirunError:
                continue  # it stays in the file, for another try
            swept.append(lease.id)
    return swept


def put_back(pool: Pool) -> list[str]:
    """The host's switches, when there is no network any more; what is said of that."""
    told = []
    is_needed = bool(pool.changed) and has_tables()
    for path, before in pool.changed.items():
        if is_needed:
            told.append(f"{name_of_switch(path)} stays: networks of another directory are in use")
            continue
        with contextlib.suppress(SystemCallError):  # of a link that is gone
            files.write_file(path, before)
            told.append(f"{name_of_switch(path)} is {before} again")
    pool.changed.clear()
    pool.save()
    return told


# ---- what a hook is told


def lease_of(state: dict[str, Any], network: Network, pool: Pool, ports: tuple[Port, ...], hostname: str) -> Lease:
    """A new lease for the container of this state (the runtime spec, "State"). Raises StateError."""
    pid = state.get("pid")
    if not isinstance(pid, int) or pid <= 0:
        raise StateError(f"the state has no pid of a container{CURE}this is a createRuntime hook: see minirun spec")
    stat = processes.stat_fields(pid)
    if stat is None:
        raise StateError(f"there is no process {pid}, which the state says is the container's")
    refuse_own_namespace(pid)
    pool.refuse_taken(ports)
    addresses = free_addresses(network, pool.of(network.name))
    return Lease(state["id"], hostname, pid, processes.start_time(stat), addresses, ports)


def has_gone(state: dict[str, Any]) -> bool:
    """A program that runs already may have come to its end."""
    pid = state.get("pid")
    stat = processes.stat_fields(pid) if isinstance(pid, int) and pid > 0 else ["?"]
    return stat is None or processes.has_ended(stat)


def refuse_own_namespace(pid: int) -> None:
    """Else the host would get a default route that leads back to it. Raises StateError."""
    import os

    try:
        if os.path.samestat(os.stat(f"/proc/{pid}/ns/net"), os.stat("/proc/self/ns/net")):
            raise StateError(
                f"the container has the host's network{CURE}"
                '{"type": "network"} in /linux/namespaces of config.json gives it one of its own'
            )
    except OSError as error:
        if error.errno not in (ENOENT, ENODEV):
            raise
        raise StateError(f"there is no process {pid}, which the state says is the container's") from None
