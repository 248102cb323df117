"""What the values of Docker's options are in config.json: `POINTER=VALUE`, as --set takes it, or a sentence."""

from __future__ import annotations

import os
import stat

from .. import quick_json
from ..spec.changes import json_or_text
from ..spec.reader import escape

NO_PORTS = (
    "nothing to write: a network namespace of its own has only lo. To connect it is an engine's work, or that of a "
    "hook (/hooks/createRuntime)"
)


def text(word: str) -> str:
    """The word, in quotes where it would be taken for a number, true, false, null or worse."""
    return word if json_or_text(word) == word else quick_json.dumps(word)


def added(pointer: str, **members: object) -> str:
    return f"{pointer}/-={quick_json.dumps({name: value for name, value in members.items() if value is not None})}"


# ---- files


def volume(value: str) -> list[str]:
    source, *others = value.split(":")
    if not others or ("/" not in source and source not in (".", "..")):
        return ["a volume without a directory of the host's is an engine's; with one it is -v DIR:PATH"]
    destination, words = others[0], others[1].split(",") if others[1:] else []
    return [bind(source, destination, [word for word in words if word not in ("rw", "z", "Z")])]


def bind(source: str, destination: str, words: list[str]) -> str:
    source = os.path.abspath(source)
    return added("/mounts", destination=destination, type="bind", source=source, options=["rbind", *words])


def mount(value: str) -> list[str]:
    """`type=bind,source=/a,target=/b,readonly`"""
    told = {name: word for name, _, word in (part.partition("=") for part in value.split(","))}
    source, target = told.get("source") or told.get("src"), told.get("target") or told.get("dst", "")
    read_only = any(told.get(name) in ("", "true", "1") for name in ("readonly", "ro"))
    if told.get("type") == "tmpfs":
        return [tmpfs_on(target, ["ro"] if read_only else [])]
    if told.get("type") != "bind" or not source:
        return ["a volume is an engine's; a directory of the host's is type=bind,source=DIR,target=PATH"]
    return [bind(source, target, ["ro"] if read_only else [])]


def tmpfs(value: str) -> list[str]:
    destination, _, words = value.partition(":")
    return [tmpfs_on(destination, words.split(",") if words else [])]


def tmpfs_on(destination: str, words: list[str]) -> str:
    options = ["nosuid", "nodev", *words]
    return added("/mounts", destination=destination, type="tmpfs", source="tmpfs", options=options)


def device(value: str) -> list[str]:
    """The node, and the right to use it (mknod(2))."""
    source, *others = value.split(":")
    path, access = (others + ["", ""])[0] or source, (others + ["", ""])[1] or "rwm"
    try:
        status = os.stat(source)
    except (OSError, ValueError):
        return [f"there is no {source} here; a device has type, major and minor in /linux/devices"]
    if not (stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode)):
        return [f"{source} is no device; a directory is bound by -v"]
    kind, numbers = "c" if stat.S_ISCHR(status.st_mode) else "b", status.st_rdev
    major, minor = os.major(numbers), os.minor(numbers)
    return [
        added("/linux/devices", path=path, type=kind, major=major, minor=minor),
        added("/linux/resources/devices", allow=True, type=kind, major=major, minor=minor, access=access),
    ]


# ---- the process


def environment(value: str) -> list[str]:
    """Without "=" it is the caller's variable of this name."""
    name, equals, _ = value.partition("=")
    word = value if equals else f"{name}={os.environ.get(name, '')}"
    return [f"/process/env/-={text(word)}"]


def user(value: str) -> list[str]:
    numbers = value.split(":")
    if not all(number.isascii() and number.isdigit() for number in numbers) or len(numbers) > 2:
        return ["numbers only, as the image's /etc/passwd has them: --set /process/user/uid=UID, /process/user/gid=GID"]
    return [f"/process/user/{name}={number}" for name, number in zip(("uid", "gid"), numbers)]


SETS = ("bounding", "effective", "permitted")


def capability(value: str) -> str:
    name = value.upper()
    return name if name.startswith("CAP_") else f"CAP_{name}"


def capability_added(value: str) -> list[str]:
    if value.upper() == "ALL":
        return ["there is no word for all of them: capabilities(7) has the names, and --cap-add NAME is told in full"]
    return [f"/process/capabilities/{kind}/-={capability(value)}" for kind in SETS]


def capability_dropped(value: str) -> list[str]:
    if value.upper() == "ALL":
        return ["/process/capabilities={}"]
    return [f"take {capability(value)} out of {', '.join(SETS)}: --set /process/capabilities/{SETS[0]}/N=null"]


def limit(value: str) -> list[str]:
    """`nofile=1024:2048`; one number is both."""
    name, _, numbers = value.partition("=")
    soft, _, hard = numbers.partition(":")
    if not all(number.isascii() and number.isdigit() and len(number) < 20 for number in (soft, hard or soft)):
        return ["a limit has two numbers: --ulimit nofile=1024:2048"]
    return [added("/process/rlimits", type=f"RLIMIT_{name.upper()}", soft=int(soft), hard=int(hard or soft))]


def security(value: str) -> list[str]:
    name, _, word = value.replace(":", "=", 1).partition("=")
    if name == "no-new-privileges":
        return [f"/process/noNewPrivileges={word or 'true'}"]
    if name == "seccomp":
        return ["/linux/seccomp=null" if word == "unconfined" else "the rules stand in /linux/seccomp"]
    known = {"apparmor": "/process/apparmorProfile", "label": "/process/selinuxLabel"}
    return [f"{known[name]}={text(word)}"] if name in known else ["config.json has no such thing"]


# ---- the rest


def processors(value: str) -> list[str]:
    """In microseconds of each tenth of a second (cpu.max)."""
    try:
        quota = round(float(value) * 100_000)
    except (ValueError, OverflowError):
        return ["a number of processors, such as --cpus 1.5"]
    return [f"/linux/resources/cpu/quota={quota}", "/linux/resources/cpu/period=100000"]


def member(pointer: str, value: str) -> list[str]:
    """`name=value`, whose value is a string."""
    name, _, word = value.partition("=")
    return [f"{pointer}/{escape(name)}={text(word)}"]


def namespace(kind: str, value: str) -> list[str]:
    """The namespaces are an array, and which number each has is the bundle's affair."""
    which = f'where N is the number of {{"type":"{kind}"}}, as --print-config shows it'
    if value == "host":
        return [f"--set /linux/namespaces/N=null, {which}"]
    if value.startswith("container:"):
        return [f"--set /linux/namespaces/N/path=/proc/PID/ns/{kind[:3]}, {which}, and minirun state has the PID"]
    return [f'a namespace of its own is {{"type":"{kind}"}} in /linux/namespaces']


def network(value: str) -> list[str]:
    shared = value == "host" or value.startswith("container:")
    return namespace("network", value) if shared or value == "none" else [NO_PORTS]
