"""What can be done with networks, each thing one function: the command line calls these."""

from __future__ import annotations

import json
import os

from ..errors import CURE, StateError
from ..kernel import files
from . import firewalls
from .connect import connect, disconnect, has_gone, lease_of, nobody_listens, put_back, sweep
from .names import hosts, resolv_conf, rewrite
from .networks import (
    BRIDGE,
    NAME_CHARACTERS,
    SLIRP,
    all_networks,
    checked_network_name,
    forget_network,
    network_file,
    network_names,
    read_network,
    save_network,
)
from .new import new_network, new_rootless_network, refuse_what_is_another_drivers
from .plan import attach_plan
from .pool import Lease, free_addresses, locked_pool, peeked_pool
from .taken import taken_here

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .connect import Teller
    from .networks import Network
    from .operation import Operation
    from .ports import Port

ID_CHARACTERS = NAME_CHARACTERS | set("+.")  # an id becomes a word of /etc/hosts
LONGEST_HOSTNAME = 64  # sethostname(2); a longer one would fill files that all networks have together
STATE_SIZE = 1 << 20  # bytes; a state with many annotations is a thousandth of that


def make_network(
    directory: str,
    name: str | None,
    subnets: tuple[str, ...] = (),
    gateways: tuple[str, ...] = (),
    bridge: str = "",
    dns: tuple[str, ...] = (),
    driver: str = "",
) -> Network:
    """Its files; of the kernel, nothing yet. Raises StateError."""
    name, is_root = checked_network_name(name), os.geteuid() == 0
    refuse_what_is_another_drivers(driver, {"gateway": gateways, "bridge": bridge}, is_root=is_root)
    with locked_pool(directory):
        if name in network_names(directory):
            raise StateError(f"there is a network {name} already{CURE}minirun network remove {name}")
        others, taken = all_networks(directory), taken_here()
        if is_root:
            network = new_network(name, subnets, gateways, bridge, dns, others, taken)
        else:
            network = new_rootless_network(name, subnets, dns, others, taken, driver or SLIRP)
        try:
            write_names(directory, network, ())
            save_network(directory, network)
        except BaseException:
            forget_network(directory, name)
            raise
    return network


def warnings_of(network: Network) -> list[str]:
    """What may keep its containers from what they are for. Without root, a program's sockets need no way through."""
    return firewalls.warnings(network) if network.driver == BRIDGE else []


def write_names(directory: str, network: Network, leases: Sequence[Lease]) -> None:
    rewrite(network_file(directory, network.name, "hosts"), hosts(network, leases))
    rewrite(network_file(directory, network.name, "resolv.conf"), resolv_conf(network))


def overview_of_networks(directory: str) -> list[dict[str, Any]]:
    """Every network with its containers. Whoever may also sweeps."""
    if files.is_there(f"{directory}/.lock") and os.access(directory, os.W_OK):
        with locked_pool(directory) as pool:
            sweep(pool, directory)
    pool = peeked_pool(directory)
    return [told_network(network, pool.of(network.name)) for network in all_networks(directory)]


def told_network(network: Network, leases: dict[str, Lease]) -> dict[str, Any]:
    return {**network.to_json(), "containers": {name: lease.to_json() for name, lease in sorted(leases.items())}}


def remove_network(directory: str, name: str | None, *, force: bool = False) -> list[str]:
    """What there is to say of it. Raises StateError while containers are connected."""
    read_network(directory, name)
    with locked_pool(directory) as pool:
        network = read_network(directory, name)  # once more: another one may have removed it until now
        sweep(pool, directory)
        leases = list(pool.of(network.name).values())
        if leases and not force:
            names = ", ".join(sorted(lease.id for lease in leases))
            raise StateError(
                f"the network {name} has containers: {names}{CURE}delete them first; --force takes their network away"
            )
        for lease in leases:
            disconnect(network, lease, pool, directory)
        forget_network(directory, network.name)
        return [] if network_names(directory) else put_back(pool)


# ---- hooks


def read_state(descriptor: int = 0) -> dict[str, Any]:
    """The container's state as a hook gets it on standard input (the runtime spec, "State"). Raises StateError."""
    text = b""
    while len(text) < STATE_SIZE and (part := os.read(descriptor, STATE_SIZE)):
        text += part
    try:
        state = json.loads(text)
        if isinstance(state["id"], str) and state["id"] and ID_CHARACTERS.issuperset(state["id"]):
            return dict(state)
    except (ValueError, TypeError, KeyError):
        pass
    raise StateError(
        f"there is no container's state on standard input{CURE}this is for hooks: minirun spec --network writes them"
    )


def hostname_of(bundle: object) -> str:
    """As config.json has it; "" where it has none."""
    try:
        found = json.loads(files.read_regular(f"{bundle}/config.json", 1 << 26)).get("hostname", "")
    except (OSError, ValueError, AttributeError):
        return ""
    is_name = isinstance(found, str) and len(found) <= LONGEST_HOSTNAME and found.isprintable()
    return str(found) if is_name and not set(found) & set(" #") else ""


def attach(
    directory: str, name: str | None, state: dict[str, Any], ports: tuple[Port, ...], tell: Teller = nobody_listens
) -> None:
    """Connect a container that is being created or, without root, just started. Raises StateError, StepError."""
    if read_network(directory, name).driver != BRIDGE and has_gone(state):
        return
    with locked_pool(directory) as pool:
        network = read_network(directory, name)  # once more: another one may have removed it until now
        sweep(pool, directory)
        before = pool.of(network.name).get(state["id"])
        if before:
            raise StateError(f"container {state['id']} is in the network {name} already")
        lease = lease_of(state, network, pool, ports, hostname_of(state.get("bundle")))
        write_names(directory, network, [*pool.of(network.name).values(), lease])
        connect(network, lease, pool, directory, tell)


def detach(directory: str, name: str | None, state: dict[str, Any]) -> None:
    """Cut a container off that has ended; no error where it is not connected. Raises MinirunError."""
    if checked_network_name(name) not in network_names(directory):
        return  # removed by force, and the container's part of it with it
    with locked_pool(directory) as pool:
        lease = pool.of(checked_network_name(name)).get(state["id"])
        if lease:
            disconnect(read_network(directory, name), lease, pool, directory)
        sweep(pool, directory)


def foreseen(
    directory: str, name: str | None, container: str, hostname: str, ports: tuple[Port, ...]
) -> tuple[Operation, ...]:
    """What `attach` would do now, or has done. Nothing is taken. Raises StateError."""
    network, pool = read_network(directory, name), peeked_pool(directory)
    leases = pool.of(network.name)
    lease = leases.get(container) or Lease(container, hostname, 0, 0, free_addresses(network, leases), ports)
    others = [one for one in leases.values() if one.id != container]
    return attach_plan(network, lease, others, directory)
