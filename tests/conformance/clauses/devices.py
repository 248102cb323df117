"""config-linux.md#devices and #default-devices"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

from ..machine import needs_namespace
from ..suite import NotTestable, clause, expect, expect_true

if TYPE_CHECKING:
    from ..container import Container

DEVICES = "config-linux.md#devices"
DEFAULTS = "config-linux.md#default-devices"
SUPPLIED = "In addition to any devices configured with this setting, the runtime MUST also supply: {0}"
LISTED = "`devices` (array of objects, OPTIONAL) lists devices that MUST be available in the container."
MATCH = (
    "If a file already exists at `path` that does not match the requested device, the runtime MUST generate an error."
)

DEFAULT_DEVICES = {
    "/dev/null": (1, 3),
    "/dev/zero": (1, 5),
    "/dev/full": (1, 7),
    "/dev/random": (1, 8),
    "/dev/urandom": (1, 9),
    "/dev/tty": (5, 0),
}


def look_at(container: Container, path: str) -> dict[str, Any]:
    return container.look("stat", path)[path]


@clause(
    DEFAULTS,
    SUPPLIED.format("/dev/null, /dev/zero, /dev/full, /dev/random, /dev/urandom, /dev/tty"),
    each=DEFAULT_DEVICES,
)
def a_default_device(container: Container, path: str) -> None:
    told = container.look_once("stat", *DEFAULT_DEVICES)[path]
    expect(path, (told.get("type"), told.get("major"), told.get("minor")), ("c", *DEFAULT_DEVICES[path]))


TO_USE = ("/dev/null", "/dev/zero", "/dev/full", "/dev/urandom")


@clause(DEFAULTS, SUPPLIED.format("/dev/null, /dev/zero, ..."), each=TO_USE)
def a_default_device_can_be_used(container: Container, path: str) -> None:
    container.process["user"] = {"uid": 1000, "gid": 1000}
    expect(f"opening {path}", container.look_once("open", *TO_USE)[path], {"read": "", "write": ""})


@clause(DEFAULTS, "/dev/ptmx. A bind-mount or symlink of the container's /dev/pts/ptmx.")
def dev_ptmx_is_the_containers_own(container: Container) -> None:
    told = container.look("stat", "/dev/ptmx", "/dev/pts/ptmx")
    link, own = told["/dev/ptmx"], told["/dev/pts/ptmx"]
    if link.get("type") == "l":
        expect_true(f"/dev/ptmx leads to pts/ptmx ({link['target']})", link["target"] in ("pts/ptmx", "/dev/pts/ptmx"))
    else:
        expect("/dev/ptmx", (link.get("major"), link.get("minor")), (own.get("major"), own.get("minor")))


def device(path: str, kind: str, major: int | None = None, minor: int | None = None, **more: Any) -> dict[str, Any]:
    numbers = {} if major is None else {"major": major, "minor": minor}
    return {"path": path, "type": kind, **numbers, **more}


KINDS = {"c": ("c", 1, 3), "b": ("b", 7, 200), "u": ("c", 1, 3), "p": ("p", None, None)}


@clause(DEVICES, LISTED, each=KINDS)
def a_device_of_each_type(container: Container, kind: str) -> None:
    wanted, major, minor = KINDS[kind]
    container.linux["devices"] = [device("/dev/extra", kind, major, minor)]
    told = look_at(container, "/dev/extra")
    expect("the type of /dev/extra", told.get("type"), wanted)
    if major is not None:
        expect("its numbers", (told["major"], told["minor"]), (major, minor))


@clause(DEVICES, "The path MAY be anywhere in the container filesystem, notably outside of `/dev`.")
def a_device_outside_of_dev(container: Container) -> None:
    container.linux["devices"] = [device("/opt/deep/null", "c", 1, 3)]
    told = look_at(container, "/opt/deep/null")
    expect("/opt/deep/null", (told.get("type"), told.get("major"), told.get("minor")), ("c", 1, 3))


@clause(DEVICES, "`fileMode` (uint32, OPTIONAL) - file mode for the device.")
def the_mode_of_a_device(container: Container) -> None:
    container.linux["devices"] = [device("/dev/extra", "c", 1, 3, fileMode=0o642)]
    told = container.look("stat", "/dev/extra", preexec_fn=lambda: os.umask(0o77))["/dev/extra"]
    expect("the mode", f"{told['mode']:o}", "642")


@clause(DEVICES, "`uid` (uint32, OPTIONAL) - id of device owner in the container namespace.")
def the_owner_of_a_device(container: Container) -> None:
    container.linux["devices"] = [device("/dev/extra", "c", 1, 3, uid=1234, gid=4321)]
    told = look_at(container, "/dev/extra")
    expect("uid and gid", (told["uid"], told["gid"]), (1234, 4321))


def a_device_of_the_host() -> tuple[str, int, int]:
    """One that is not a default device."""
    for path in ("/dev/net/tun", "/dev/fuse", "/dev/kmsg", "/dev/loop-control", "/dev/kvm"):
        if os.path.exists(path) and stat.S_ISCHR(os.stat(path).st_mode):
            number = os.stat(path).st_rdev
            return path, os.major(number), os.minor(number)
    raise NotTestable("this host has none of the devices that the case looks for")


@clause(DEVICES, LISTED)
def a_device_in_a_user_namespace(container: Container) -> None:
    needs_namespace("user")
    path, major, minor = a_device_of_the_host()
    container.user_namespace()
    container.linux["devices"] = [device(path, "c", major, minor)]
    told = look_at(container, path)
    expect(path, (told.get("type"), told.get("major"), told.get("minor")), ("c", major, minor))


@clause(DEVICES, LISTED)
def a_device_in_a_user_namespace_at_a_path_of_its_own(container: Container) -> None:
    """mknod(2) is not allowed there, and the host has no node at this path that could be bound."""
    needs_namespace("user")
    container.user_namespace()
    container.linux["devices"] = [device("/dev/extra", "c", 1, 7)]
    told = look_at(container, "/dev/extra")
    expect("/dev/extra", (told.get("type"), told.get("major"), told.get("minor")), ("c", 1, 7))


@clause(DEVICES, MATCH, each=("file", "directory", "device"))
def a_device_where_something_else_is(container: Container, kind: str) -> None:
    (container.rootfs / "opt").mkdir()
    path = container.rootfs / "opt" / "extra"
    if kind == "device":
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))
    elif kind == "directory":
        path.mkdir()
    else:
        path.write_text("")
    container.linux["devices"] = [device("/opt/extra", "c", 1, 3)]
    container.must_be_refused(f"there is another {kind} at the path of a device")


@clause(DEVICES, MATCH)
def a_device_that_is_there_already(container: Container) -> None:
    (container.rootfs / "opt").mkdir()
    os.mknod(container.rootfs / "opt" / "extra", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    container.linux["devices"] = [device("/opt/extra", "c", 1, 3, fileMode=0o666, uid=0, gid=0)]
    expect("/opt/extra", look_at(container, "/opt/extra")["minor"], 3)


@clause(DEVICES, "`major, minor` (int64, REQUIRED unless `type` is `p`) - major, minor numbers for the device.")
def a_device_without_numbers(container: Container) -> None:
    container.linux["devices"] = [device("/dev/extra", "c")]
    container.must_be_refused("a character device has no numbers")


@clause(DEVICES, "`type` (string, REQUIRED) - type of device: `c`, `b`, `u` or `p`.")
def a_device_of_an_unknown_type(container: Container) -> None:
    container.linux["devices"] = [device("/dev/extra", "x", 1, 3)]
    container.must_be_refused("the type of a device is x")


@clause(DEVICES, "`path` (string, REQUIRED) - full path to device inside container.")
def a_device_without_a_path(container: Container) -> None:
    container.linux["devices"] = [{"type": "c", "major": 1, "minor": 3}]
    container.must_be_refused("a device has no path")
