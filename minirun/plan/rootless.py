"""What can't be had by a user other than root, and in the user namespace that such a user can make.

The kernel would refuse each of these, late and with EPERM or EINVAL, which say little. So they are looked for first.
What depends on the machine, as the limits that a user may raise, is left to the kernel; the steps' cures explain that.
"""

from __future__ import annotations

from ..errors import ConfigError
from .namespaces import is_own, ranges

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..spec.config import Config, IdMapping, Linux, Mount, User

    Mappings = tuple[IdMapping, ...]

SUDO = "; or run minirun as root"

# Which namespace a file system shows, over which one needs rights to mount it.
SHOWN_NAMESPACES = {"proc": "pid", "sysfs": "network", "mqueue": "ipc"}


def check(config: Config, gid: int) -> None:
    """Whether a user whose group is `gid` may have this. Raises ConfigError."""
    linux = config.linux
    check_root(linux, config.mounts)
    for index, mount in enumerate(config.mounts):
        check_mount(mount, f"/mounts/{index}", linux)
    if config.process and linux.uid_mappings and linux.gid_mappings:
        check_user(config.process.user, linux, gid)


def check_root(linux: Linux, mounts: tuple[Mount, ...]) -> None:
    """What only the host's root can do."""
    if all(namespace.type != "user" for namespace in linux.namespaces):
        # Other runtimes may add one of their own accord. Then config.json would not be what runs, and whose root the
        # container has would depend on who starts it.
        raise ConfigError(
            "/linux/namespaces",
            "no user namespace, and a user other than root can make no container without",
            'in it {"type": "user"}, beside it uidMappings and gidMappings, as minirun spec --rootless has them' + SUDO,
        )
    if linux.net_devices:
        raise ConfigError("/linux/netDevices", "network devices of the host, which are root's", "none" + SUDO)
    if linux.intel_rdt:
        raise ConfigError("/linux/intelRdt", "shares of the processor's cache, which root gives", "none" + SUDO)
    for index, mount in enumerate(mounts):
        if mount.uid_mappings or not {"idmap", "ridmap"}.isdisjoint(mount.options):
            raise ConfigError(f"/mounts/{index}", "a mount with mapped owners takes root", "none of that" + SUDO)


def check_mount(mount: Mount, origin: str, linux: Linux) -> None:
    """user_namespaces(7), "Capabilities": rights over a namespace belong to the user namespace that owns it."""
    if not {"bind", "rbind", "remount"}.isdisjoint(mount.options):
        return
    needed = SHOWN_NAMESPACES.get(mount.type or "")
    if needed and all(namespace.type != needed for namespace in linux.namespaces):
        instead = "; or a bind mount: rbind of /sys, with the option rro" if mount.type == "sysfs" else ""
        raise ConfigError(
            f"{origin}/type",
            f"{mount.type} in a user namespace, but the {needed} namespace that it shows is the host's",
            f'{{"type": "{needed}"}} in /linux/namespaces{instead}',
        )
    for word in mount.options:
        kind, _, number = word.partition("=")
        mappings = {"uid": linux.uid_mappings, "gid": linux.gid_mappings}.get(kind, ())
        if mappings and number.isdecimal() and not is_mapped(int(number), mappings):
            raise ConfigError(f"{origin}/options", f"{word}, which is not mapped", f"leave it out; {shown(mappings)}")


def check_user(user: User, linux: Linux, gid: int) -> None:
    if user.additional_gids and is_own(ranges(linux.gid_mappings), gid):
        raise ConfigError(
            "/process/user/additionalGids",
            "groups, but nobody may set any where only the user's own is mapped (user_namespaces(7))",
            "none; or more in /linux/gidMappings, which root has to grant in /etc/subgid" + SUDO,
        )
    for pointer, number, kind, mappings in ids_of(user, linux):
        if not is_mapped(number, mappings):
            raise ConfigError(
                f"/process/user/{pointer}", f"{number}, which is no {kind} of the user namespace", shown(mappings)
            )


def ids_of(user: User, linux: Linux) -> Iterator[tuple[str, int, str, Mappings]]:
    yield "uid", user.uid, "user", linux.uid_mappings
    yield "gid", user.gid, "group", linux.gid_mappings
    for index, gid in enumerate(user.additional_gids):
        yield f"additionalGids/{index}", gid, "group", linux.gid_mappings


def is_mapped(number: int, mappings: Mappings) -> bool:
    return any(0 <= number - mapping.container_id < mapping.size for mapping in mappings)


def shown(mappings: Mappings) -> str:
    ranges = ", ".join(
        f"{mapping.container_id} to {mapping.container_id + mapping.size - 1}"
        if mapping.size > 1
        else str(mapping.container_id)
        for mapping in mappings
    )
    return f"what is mapped: {ranges}"
