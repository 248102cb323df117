"""`minirun network`, and `spec --network`: what they do. The networks themselves are in minirun/network, a room that
may be missing."""

from __future__ import annotations

import os

from ..engines.launcher import launcher
from ..errors import CURE, StateError
from ..runtime.again import HOME
from .output import say, say_json
from .table import NETWORK
from .values import log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType
    from typing import Any

    from ..network.operation import Operation
    from ..network.ports import Port

    Values = Mapping[str, Any]
    Json = dict[str, Any]

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # of the hooks
HOOK_TIMEOUT = 60  # seconds: many containers at once wait for each other
NO_ROOM = "this minirun has no network room: minirun/network is missing"
# When a container is connected: before its program runs; without root as soon as it does, since until then the process
# is closed to tracers, and with it the way to its namespaces (PR_SET_DUMPABLE(2const), CVE-2016-9962).
ATTACHED = {"bridge": "createRuntime", "slirp4netns": "poststart", "pasta": "poststart"}
EXAMPLE = "example"  # what a container is called of which there is no state


def room() -> ModuleType:
    """Raises StateError where somebody has removed it."""
    try:
        from ..network import commands
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("minirun.network"):
            raise
        raise StateError(NO_ROOM) from None
    return commands


def network(values: Values) -> int:
    """minirun network. Raises MinirunError."""
    deed = values["deed"]
    if deed not in DEEDS:
        raise StateError(f"network can't {deed!r}\n  allowed: {', '.join(DEEDS)}")
    refuse_what_would_be_ignored(values)
    room()
    return DEEDS[deed](values)


def refuse_what_would_be_ignored(values: Values) -> None:
    """An option of another deed, and a network's name where all of them are meant. Raises StateError."""
    own = OPTIONS[values["deed"]]
    for option in NETWORK.options:
        if option.name not in (*own, "networks") and values[option.name] not in (option.default, False):
            allowed = ", ".join(f"--{name.replace('_', '-')}" for name in (*own, "networks"))
            raise StateError(f"network {values['deed']} has no {option.flags[0]}\n  allowed: {allowed}")
    if values["deed"] == "list" and values["network"] is not None:
        raise StateError(f"network list has all of them, and no one's name{CURE}minirun network inspect NETWORK")


def networks_directory(values: Values) -> str:
    from ..network.networks import directory_of

    return directory_of(values.get("networks"))


def known_names(values: Values) -> list[str]:
    """For completion: none where the caller may not look."""
    try:
        room()
        from ..network.networks import network_names

        return network_names(networks_directory(values))
    except (OSError, StateError):
        return []


def published(values: Values) -> tuple[Port, ...]:
    """Raises StateError."""
    from ..network.ports import read_port

    ports = tuple(map(read_port, values["publish"]))
    for number, port in enumerate(ports):
        if any(port.clashes(other) for other in ports[:number]):
            raise StateError(f"can't publish {port}: it is published already")
    return ports


# ---- what people do


def create_network(values: Values) -> int:
    made = room().make_network(
        networks_directory(values),
        values["network"],
        values["subnet"],
        values["gateway"],
        values["bridge"] or "",
        values["dns"],
        values["driver"] or "",
    )
    say(f"{made.name}: {', '.join(made.subnets)}\n")
    for warning in room().warnings_of(made):
        log(values).warning(warning)
    return 0


def list_networks(values: Values) -> int:
    import json

    found = room().overview_of_networks(networks_directory(values))
    if values["format"] == "json":
        say_json(json.dumps(found, indent=2) + "\n")
        return 0
    rows = [("NAME", "BRIDGE", "SUBNETS", "CONTAINERS")]
    rows += [row_of(one) for one in found]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        say("".join(f"{cell:<{width}}  " for cell, width in zip(row, widths)) + f"{row[3]}\n")
    return 0


def row_of(network: Json) -> tuple[str, str, str, str]:
    return (
        network["name"],
        network["bridge"] or network["driver"],
        ",".join(network["subnets"]),
        ",".join(network["containers"]) or "-",
    )


def inspect_network(values: Values) -> int:
    import json

    from ..network.networks import read_network

    directory = networks_directory(values)
    network = read_network(directory, values["network"])
    (found,) = (one for one in room().overview_of_networks(directory) if one["name"] == network.name)
    say_json(json.dumps(found, indent=2) + "\n")
    return 0


def remove(values: Values) -> int:
    for line in room().remove_network(networks_directory(values), values["network"], force=values["force"]):
        say(f"{line}\n")
    return 0


# ---- what hooks do


def attach(values: Values) -> int:
    ports, directory = published(values), networks_directory(values)
    if values["dry_run"]:
        show_operations(room().foreseen(directory, values["network"], EXAMPLE, "", ports))
        return 0
    tell = (narrate_operation,) if values["narrate"] else ()
    room().attach(directory, values["network"], room().read_state(), ports, *tell)
    return 0


def show_operations(operations: tuple[Operation, ...]) -> None:
    for number, operation in enumerate(operations, start=1):
        command = "\n".join(f"      {line}" for line in operation.shell().splitlines())
        say(f"{number:>4}  {operation.describe()}  {operation.man}\n{command}\n")


def narrate_operation(number: int, operation: Operation, result: str) -> None:
    told = f" → {result}" if result else ""
    os.write(2, f"{number:>4}  {operation.describe()}{told}\n".encode(errors="backslashreplace"))


def detach(values: Values) -> int:
    room().detach(networks_directory(values), values["network"], room().read_state())
    return 0


DEEDS: dict[str, Callable[[Values], int]] = {
    "create": create_network,
    "list": list_networks,
    "inspect": inspect_network,
    "remove": remove,
    "attach": attach,
    "detach": detach,
}
OPTIONS = {  # of each, beside --networks
    "create": ("subnet", "gateway", "bridge", "dns", "driver"),
    "list": ("format",),
    "inspect": (),
    "remove": ("force",),
    "attach": ("publish", "dry_run", "narrate"),
    "detach": (),
}


# ---- minirun spec --network


def connection(values: Values) -> Callable[[Json], None]:
    """What makes a config.json one of a container that is connected. Raises StateError."""
    room()
    from ..network.networks import read_network

    if not values["network"]:
        raise StateError(f"--publish says nothing of a network{CURE}--network NETWORK; minirun network list has them")
    directory, ports = networks_directory(values), published(values)
    network = read_network(directory, values["network"])
    is_usual = values["networks"] is None and os.geteuid() == 0  # else a hook might look elsewhere: it has no HOME
    command, place = launcher(HOME), () if is_usual else ("--networks", directory)

    def change(config: Json) -> None:
        words = [word for port in ports for word in ("--publish", str(port))]
        config["hooks"] = {
            ATTACHED[network.driver]: [hook(command, "attach", network.name, *place, *words)],
            "poststop": [hook(command, "detach", network.name, *place)],
        }
        config["mounts"] += [
            bound(f"{directory}/{network.name}.{name}", f"/etc/{name}") for name in ("hosts", "resolv.conf")
        ]
        add_network_namespace(config)

    return change


def hook(command: str, *words: str) -> Json:
    return {"path": command, "args": ["minirun", "network", *words], "env": [PATH], "timeout": HOOK_TIMEOUT}


def bound(source: str, destination: str) -> Json:
    return {"destination": destination, "type": "none", "source": source, "options": ["bind", "ro", *QUIET]}


QUIET = ("nosuid", "noexec", "nodev")


def add_network_namespace(config: Json) -> None:
    """A rootless one has none of its own otherwise."""
    namespaces = config["linux"]["namespaces"]
    if {"type": "network"} not in namespaces:
        namespaces.append({"type": "network"})
