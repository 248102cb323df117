"""The properties that this version of minirun knows but can't apply.

runtime.md#create: a property that can't be applied MUST be an error. A silent skip would be worse than no runtime at
all, because most of these protect something. Each line that goes from here is a feature that has come.
"""

from __future__ import annotations

from .. import __version__
from ..errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .reader import Node

# JSON pointers, where * stands for every element of an array, and what the property is to a reader.
NOT_YET = {
    "/linux/resources/blockIO": "limits for block devices",
    "/linux/resources/hugepageLimits": "limits for huge pages",
    "/linux/resources/rdma": "limits for RDMA devices",
    "/linux/resources/unified": "files of the cgroup by name",
}


def refuse_not_yet(config: Node) -> None:
    """The error for the first property in the tables that asks for something."""
    for pattern, meaning in NOT_YET.items():
        for pointer, value in found(config.value, pattern.split("/")[1:], config.pointer):
            if not is_empty(value):
                raise refusal(pointer, meaning)


def refusal(pointer: str, meaning: str) -> ConfigError:
    return ConfigError(pointer, f"minirun {__version__} can't apply this yet: {meaning}", "leave this property out")


def found(value: object, path: list[str], pointer: str) -> Iterator[tuple[str, object]]:
    """The pointers and values that a path leads to. Where a type is wrong, it leads nowhere: that error comes later."""
    if not path:
        yield pointer, value
    elif path[0] == "*" and isinstance(value, list):
        for index, element in enumerate(value):
            yield from found(element, path[1:], f"{pointer}/{index}")
    elif isinstance(value, dict) and path[0] in value:
        yield from found(value[path[0]], path[1:], f"{pointer}/{path[0]}")


def is_empty(value: object) -> bool:
    """Does the value ask for nothing? Programs written in Go send zero values for what is not set.

    The list instead of recursion is for values that are nested deeper than Python calls may be.
    """
    waiting = [value]
    while waiting:
        current = waiting.pop()
        if isinstance(current, dict):
            waiting.extend(current.values())
        elif current:
            return False
    return True
