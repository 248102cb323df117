"""The devices and symlinks of /dev -> steps (config-linux.md#default-devices)."""

from __future__ import annotations

from ..steps.devices import BindDevice, MakeDevice, MakeSymlink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.config import Linux
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


def device_steps(linux: Linux, in_user_namespace: bool) -> list[Step]:
    """The default devices, unless config.json lists the same paths itself, then its own, then the symlinks."""
    listed = {device.path for device in linux.devices}
    default = [row for row in DEFAULT_DEVICES if row[0] not in listed]
    steps: list[Step] = []
    if in_user_namespace:
        steps += [BindDevice(path) for path, _, _ in default]
        steps += [BindDevice(device.path, f"/linux/devices/{i}") for i, device in enumerate(linux.devices)]
    else:
        steps += [MakeDevice(path, "c", major, minor, 0o666) for path, major, minor in default]
        steps += [
            MakeDevice(
                device.path,
                device.type,
                device.major,
                device.minor,
                0o666 if device.file_mode is None else device.file_mode,
                device.uid or 0,
                device.gid or 0,
                f"/linux/devices/{index}",
            )
            for index, device in enumerate(linux.devices)
        ]
    steps += [MakeSymlink(path, target, needs) for path, target, needs in SYMLINKS]
    steps.append(MakeSymlink("/dev/ptmx", "pts/ptmx", replace_existing=True))
    return steps
