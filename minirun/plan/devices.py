"""The devices and symlinks of /dev -> steps (config-linux.md#default-devices)."""

from __future__ import annotations

from ..errors import ConfigError
from ..spec.config import Device
from ..spec.reader import shown
from ..steps.devices import MakeDevice, MakeSymlink
from .rootfs import plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.config import Config, IdMapping, Linux
    from ..steps.step import Step

# Path, major and minor number: Documentation/admin-guide/devices.txt of the kernel.
DEFAULT_DEVICES = (
    ("/dev/null", 1, 3),
    ("/dev/zero", 1, 5),
    ("/dev/full", 1, 7),
    ("/dev/random", 1, 8),
    ("/dev/urandom", 1, 9),
    ("/dev/tty", 5, 0),
)

PTMX = (5, 2)

# Path, what it leads to, what has to exist for it.
SYMLINKS = (
    ("/dev/fd", "/proc/self/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0", "/proc/self/fd"),
    ("/dev/stdout", "/proc/self/fd/1", "/proc/self/fd"),
    ("/dev/stderr", "/proc/self/fd/2", "/proc/self/fd"),
)


def device_steps(config: Config, directory: str, rootless: bool = False) -> list[Step]:
    """The default devices, unless config.json lists the same paths itself, then its own, then the symlinks.

    A /dev that is bound has all this, or is meant not to: it is a directory of the host, often the host's own /dev.
    """
    is_forbidden = rootless or has_user_namespace(config.linux)
    dev_is_bound = is_bound(config, "/dev")
    listed = {plain(device.path) for device in config.linux.devices}
    default = [Device("c", path, major, minor) for path, major, minor in DEFAULT_DEVICES if path not in listed]
    own = [
        step
        for index, device in enumerate(config.linux.devices)
        if not (dev_is_bound and is_in_dev(device.path)) and not is_ptmx(device)
        for step in own_device_steps(device, f"/linux/devices/{index}", config.linux, directory, rootless)
    ]
    if dev_is_bound:
        return own
    return [
        *(default_device_step(device, is_forbidden) for device in default),
        *own,
        *(MakeSymlink(path, target, needs) for path, target, needs in SYMLINKS),
        MakeSymlink("/dev/core", "/proc/kcore", "/proc/kcore", is_asked_for=False),
        MakeSymlink("/dev/ptmx", "pts/ptmx", replace_existing=True),
    ]


def has_user_namespace(linux: Linux) -> bool:
    return any(namespace.type == "user" for namespace in linux.namespaces)


def default_device_step(device: Device, is_forbidden: bool) -> Step:
    """In a user namespace nobody may make a device; these the host has at the same path."""
    if is_forbidden:
        from ..steps.hosts_devices import BindDevice

        return BindDevice(device.path, device.type, device.major, device.minor)
    return MakeDevice(device.path, device.type, device.major, device.minor, 0o666)


def own_device_steps(device: Device, origin: str, linux: Linux, directory: str, rootless: bool) -> list[Step]:
    if plain(device.path) == "/":
        raise ConfigError(f"{origin}/path", f"found {shown(device.path)}, the root itself", "the path of a file")
    kind, uid, gid = device.type, device.uid or 0, device.gid or 0
    mode = 0o666 if device.file_mode is None else device.file_mode
    if kind == "p" or not (rootless or has_user_namespace(linux)):
        return [MakeDevice(device.path, kind, device.major, device.minor, mode, uid, gid, origin)]
    from ..steps.hosts_devices import AttachDevice, BindDevice, OpenDevice

    if rootless:  # there is nobody outside, either, who may make one
        return [BindDevice(device.path, kind, device.major, device.minor, origin)]
    node = f"{directory}/devices/{origin.rpartition('/')[2]}"
    uid, gid = outside(linux.uid_mappings, uid), outside(linux.gid_mappings, gid)
    return [
        OpenDevice(node, kind, device.major, device.minor, mode, uid, gid, origin),
        AttachDevice(device.path, origin),
    ]


def outside(mappings: tuple[IdMapping, ...], inside: int) -> int:
    """The id on the host; that of nobody in the container where it is not mapped, or not known how."""
    for mapping in mappings:
        if 0 <= inside - mapping.container_id < mapping.size:
            return mapping.host_id + inside - mapping.container_id
    return 0


def is_bound(config: Config, path: str) -> bool:
    """Whether a directory of the host is mounted at the path."""
    return any(
        plain(mount.destination) == path and not {"bind", "rbind"}.isdisjoint(mount.options) for mount in config.mounts
    )


def is_ptmx(device: Device) -> bool:
    """The one that a privileged container of Docker's lists with all devices of the host. It looks for the devpts
    beside it (pts(4)), where a bound one has none; the symlink that is made in any case leads to the container's."""
    return (plain(device.path), device.type, device.major, device.minor) == ("/dev/ptmx", "c", *PTMX)


def is_in_dev(path: str) -> bool:
    return plain(path).startswith("/dev/")
