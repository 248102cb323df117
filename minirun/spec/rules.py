"""The rules that join two properties of config.json. Most say: this needs that namespace, or it would be the host's."""

from __future__ import annotations

from ..errors import ConfigError
from .reader import escape
from .sysctl import namespace_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .config import Config, Linux
    from .config_rare import Seccomp


def check_rules(config: Config) -> None:
    """Raises the error for the first rule that the config breaks."""
    for error in broken_rules(config):
        raise error


def broken_rules(config: Config) -> Iterator[ConfigError]:
    """The errors for all rules that the config breaks."""
    listed = {namespace.type for namespace in config.linux.namespaces}
    for pointer, found, needed in needs(config):
        if needed not in listed:
            yield ConfigError(
                pointer,
                f"found {found}, but no {needed} namespace",
                f'an entry {{"type": "{needed}"}} in /linux/namespaces, or the host\'s own would change',
            )
    yield from rules_of_new_namespaces(config.linux)
    if config.linux.seccomp and not config.linux.seccomp.listener_path:
        yield from unanswered(config.linux.seccomp)


def unanswered(seccomp: Seccomp) -> Iterator[ConfigError]:
    for index, rule in enumerate(seccomp.syscalls):
        if rule.action == "SCMP_ACT_NOTIFY":
            place = f"/linux/seccomp/syscalls/{index}/action"
            allowed = "this only together with listenerPath: nobody would answer"
            yield ConfigError(place, "found 'SCMP_ACT_NOTIFY'", allowed)
            return


def needs(config: Config) -> Iterator[tuple[str, str, str]]:
    """What the config asks for and which namespace that belongs to: (pointer, what was found, type of namespace)."""
    if any(namespace.type == "user" for namespace in config.linux.namespaces):
        # mount_namespaces(7): mounts belong to the user namespace that owns their namespace
        yield "/linux/namespaces", "a user namespace, whose root can't mount in the host's", "mount"
    if config.hostname:
        yield "/hostname", "a host name", "uts"
    if config.domainname:
        yield "/domainname", "a domain name", "uts"
    if config.linux.uid_mappings:
        yield "/linux/uidMappings", "mappings", "user"
    if config.linux.gid_mappings:
        yield "/linux/gidMappings", "mappings", "user"
    for device in config.linux.net_devices:
        yield f"/linux/netDevices/{escape(device.host_name)}", "a device to move", "network"
    for key in config.linux.sysctl:
        owner = namespace_of(key)
        if owner:  # else the reader has refused it
            yield f"/linux/sysctl/{escape(key)}", "a parameter", owner


def rules_of_new_namespaces(linux: Linux) -> Iterator[ConfigError]:
    """What can only be said about a namespace when it is made, and what then has to be said."""
    new = {namespace.type for namespace in linux.namespaces if namespace.path is None}
    if linux.time_offsets and "time" not in new:
        # time_namespaces(7): EACCES once a process has entered it
        yield ConfigError("/linux/timeOffsets", "found offsets, but no new time namespace", 'a {"type": "time"} entry')
    for pointer, mappings in (("/linux/uidMappings", linux.uid_mappings), ("/linux/gidMappings", linux.gid_mappings)):
        if "user" in new and not mappings:
            # user_namespaces(7): every id would be the overflow id, and nothing could be created
            yield ConfigError(pointer, "missing", "a new user namespace needs at least one mapping")
