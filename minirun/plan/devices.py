"""The devices and symlinks of /dev -> steps (config-linux.md#default-devices)."""

from __future__ import annotations

from ..spec.config import Device
from ..steps.devices import BindDevice, MakeDevice, MakeSymlink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.config import Config
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

# Path, what it leads to, what has to exist for it.
SYMLINKS = (
    ("/dev/fd", "/proc/self/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0", "/proc/self/fd"),
    ("/dev/stdout", "/proc/self/fd/1", "/proc/self/fd"),
    ("/dev/stderr", "/proc/self/fd/2", "/proc/self/fd"),
)


def device_steps(config: Config, in_user_namespace: bool) -> list[Step]:
    """The default devices, unless config.json lists the same paths itself, then its own, then the symlinks.

    A /dev that is bound has all this, or is meant not to: it is a directory of the host, often the host's own /dev.
    """
    listed = {device.path for device in config.linux.devices}
    default = [Device("c", path, major, minor) for path, major, minor in DEFAULT_DEVICES if path not in listed]
    own = [(device, f"/linux/devices/{index}") for index, device in enumerate(config.linux.devices)]
    if is_bound(config, "/dev"):
        return [device_step(device, origin, in_user_namespace) for device, origin in own if not is_in_dev(device.path)]
    return [
        *(device_step(device, "", in_user_namespace) for device in default),
        *(device_step(device, origin, in_user_namespace) for device, origin in own),
        *(MakeSymlink(path, target, needs) for path, target, needs in SYMLINKS),
        MakeSymlink("/dev/ptmx", "pts/ptmx", replace_existing=True),
    ]


def device_step(device: Device, origin: str, in_user_namespace: bool) -> Step:
    """In a user namespace nobody may make a device, but for a FIFO."""
    if in_user_namespace and device.type != "p":
        return BindDevice(device.path, device.type, device.major, device.minor, origin)
    mode = 0o666 if device.file_mode is None else device.file_mode
    owner = (device.uid or 0, device.gid or 0)
    return MakeDevice(device.path, device.type, device.major, device.minor, mode, *owner, origin)


def is_bound(config: Config, path: str) -> bool:
    """Whether a directory of the host is mounted at the path."""
    return any(
        mount.destination.rstrip("/") == path and not {"bind", "rbind"}.isdisjoint(mount.options)
        for mount in config.mounts
    )


def is_in_dev(path: str) -> bool:
    return path.startswith("/dev/")
