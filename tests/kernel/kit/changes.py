"""Small changes of a config.json: each function gives what is to be merged into it (test_shapes.py).

GONE removes a member, and a name that ends with + is a list to add to.
"""

from __future__ import annotations

from typing import Any

GONE = object()
KINDS = ("pid", "network", "ipc", "uts", "mount")
ALL_IDS = {"containerID": 0, "hostID": 0, "size": 65536}

Change = dict[str, Any]


def process(**members: object) -> Change:
    return {"process": members}


def user(**members: object) -> Change:
    return process(user={"uid": 0, "gid": 0, **members})


def limits(*found: tuple[str, object, object]) -> Change:
    return process(rlimits=[{"type": kind, "soft": soft, "hard": hard} for kind, soft, hard in found])


def caps(bounding: object, effective: object, permitted: object) -> Change:
    return process(capabilities={"bounding": bounding, "effective": effective, "permitted": permitted})


def mount(destination: str, kind: str | None, source: str | None, *options: str, **more: object) -> Change:
    told = {"destination": destination, "type": kind, "source": source, "options": list(options)} | more
    return {"mounts+": [{name: value for name, value in told.items() if value not in (None, [])}]}


def tmpfs(*options: str) -> Change:
    return mount("/mnt", "tmpfs", "tmpfs", *options)


def bind(*options: str) -> Change:
    return mount("/mnt", "bind", "data", "bind", *options)


def linux(**members: object) -> Change:
    return {"linux": members}


def namespaces(*kinds: str, **paths: str) -> Change:
    return linux(namespaces=[{"type": kind} for kind in kinds] + [{"type": k, "path": v} for k, v in paths.items()])


def user_namespace(*maps: Change) -> Change:
    return linux(namespaces=[{"type": kind} for kind in (*KINDS, "user")], uidMappings=[*maps], gidMappings=[*maps])


def device(
    path: str = "/dev/x", kind: str | None = "c", major: int | None = 1, minor: int | None = 5, **more: object
) -> Any:
    told = {"path": path, "type": kind, "major": major, "minor": minor}
    return {name: value for name, value in told.items() if value is not None} | more


def devices(*found: Any) -> Change:
    return linux(devices=[*found])


def sysctl(name: str, value: object) -> Change:
    return linux(sysctl={name: value})


def seccomp(**members: object) -> Change:
    return linux(seccomp={"defaultAction": "SCMP_ACT_ALLOW", **members})


def rule(**members: object) -> Change:
    return seccomp(syscalls=[{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", **members}])


def condition(**members: object) -> Change:
    return rule(names=["personality"], args=[{"index": 0, "value": 0, "op": "SCMP_CMP_EQ", **members}])


def hook(path: str = "/bin/true", kind: str = "createRuntime", **members: object) -> Change:
    return {"hooks": {kind: [{"path": path, **members}]}}
