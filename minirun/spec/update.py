"""What `update` makes of a container's config.json: JSON over JSON, before anything is typed.

    config.json    {"linux": {"resources": {"cpu": {"quota": 5000, "period": 10000}, …}}}
    the change                             {"cpu": {"quota": 9000, "shares": 0}}
    asked_for                              {"cpu": {"quota": 9000}}
    changed        {"linux": {"resources": {"cpu": {"quota": 9000, "period": 10000}, …}}}
    concerned                              {"cpu": {"quota": 9000, "period": 10000}}

Types and ranges are the readers' business (load.py), for what comes out of this as for any other config.json.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Json = dict[str, Any]

# Engines send every property that they know, and 0 or "" for those that stay as they are.
SENT_AS_ZERO = ("memory", "cpu", "blockIO")
ZERO_IS_A_VALUE = ("burst", "idle")  # but these are left out where they stay

# What tells the entries of a list apart, so that an update changes those that it names and leaves the others.
IDENTITY: dict[str, tuple[str, ...]] = {
    "hugepageLimits": ("pageSize",),
    "weightDevice": ("major", "minor"),
    "throttleReadBpsDevice": ("major", "minor"),
    "throttleWriteBpsDevice": ("major", "minor"),
    "throttleReadIOPSDevice": ("major", "minor"),
    "throttleWriteIOPSDevice": ("major", "minor"),
}

# Properties that the kernel has in one file, or that decide about each other's.
TOGETHER = {
    "memory": (("limit", "swap", "checkBeforeUpdate"),),
    "cpu": (("quota", "period", "burst"), ("shares", "idle")),
}


def asked_for(change: Json) -> Json:
    """The change without what asks for nothing."""
    return {group: without_zeros(group, value) for group, value in change.items() if value not in (None, {}, [])}


def without_zeros(group: str, value: Any) -> Any:
    if group not in SENT_AS_ZERO or not isinstance(value, dict):
        return value
    return {key: inner for key, inner in value.items() if key in ZERO_IS_A_VALUE or not is_zero(inner)}


def is_zero(value: object) -> bool:
    """false is none: only what says so sends it."""
    return value is None or value == "" or (value == 0 and not isinstance(value, bool))


def changed(config: Json, asked: Json) -> Json:
    """The config.json with the update in it. What it has in /linux/intelRdt comes under that name in `asked`, too."""
    linux = config.get("linux") or {}
    resources = {key: value for key, value in asked.items() if key != "intelRdt"}
    old = linux.get("resources") or {}
    new = over(old, resources)
    if "memory" in resources:
        new["memory"] = keep_swap_alone(old.get("memory") or {}, resources["memory"], new["memory"])
    linux = linux | {"resources": new}
    if "intelRdt" in asked:
        linux["intelRdt"] = over(linux.get("intelRdt") or {}, asked["intelRdt"])
    return config | {"linux": linux}


def over(old: Any, new: Any, name: str = "") -> Any:
    """What is new over what is old: objects member by member, some lists entry by entry, all else as a whole."""
    if isinstance(old, dict) and isinstance(new, dict):
        return old | {key: over(old.get(key), value, key) for key, value in new.items()}
    if name in IDENTITY and isinstance(old, list) and isinstance(new, list):
        named = [identity(name, entry) for entry in new]
        return [entry for entry in old if identity(name, entry) not in named] + new
    return new


def identity(name: str, entry: Any) -> list[Any]:
    return [entry.get(key) for key in IDENTITY[name]] if isinstance(entry, dict) else [entry]


def keep_swap_alone(old: Json, asked: Any, new: Any) -> Any:
    """A new limit for memory without one for swap leaves memory.swap.max as it is, as with runc and crun. Since `swap`
    counts both together, it grows or shrinks with the limit."""
    swap: int = old.get("swap") or 0
    if not isinstance(asked, dict) or "limit" not in asked or "swap" in asked or swap in (0, -1):
        return new
    if asked["limit"] == -1 or not isinstance(asked["limit"], int):
        return {key: value for key, value in new.items() if key != "swap"}
    return new | {"swap": asked["limit"] + swap - max(old["limit"], 0)}


def concerned(asked: Json, config: Json) -> Json:
    """What of the whole has to be written: what the update names, and what shares a file with that."""
    whole = config["linux"]["resources"]
    result = {group: value for group, value in asked.items() if group != "intelRdt"}
    for group, sets in TOGETHER.items():
        for names in sets:
            if any(name in (asked.get(group) or {}) for name in names):
                result[group] = result[group] | {name: whole[group][name] for name in names if name in whole[group]}
    return result
