"""What of a plan leaves something on the host: all that `delete` has to undo, and so all that it makes of the plan.

These are the steps of container.py, by the same functions and in the same order; a test holds that they are all. Where
one of them is rare, its module is imported only if config.json asks for it.
"""

from __future__ import annotations

from ..steps.state import MakeStateDirectory
from .cgroup import make_cgroup_steps
from .hooks import poststop_steps, told_to_others
from .notify import notify_directory_steps
from .options import BY_SYSTEMD
from .resctrl import resctrl_steps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.config import Config
    from ..steps.step import Step
    from .options import Options


def lasting_steps(config: Config, options: Options) -> list[Step]:
    return [step for step in steps_around(config, options) if step.leaves_something()]


def steps_around(config: Config, options: Options) -> list[Step]:
    """Those steps, and some that are made together with them."""
    return [
        *poststop_steps(config, told_to_others(config, options)),
        MakeStateDirectory(options.root, options.id),
        *notify_directory_steps(options),
        *make_cgroup_steps(config.linux, options.id, options.cgroup_manager),
        *resctrl_steps(config.linux, options.id),
        *scope_steps(config, options),
        *network_steps(config),
        *root_steps(config, options),
        *device_steps(config, options),
    ]


def scope_steps(config: Config, options: Options) -> list[Step]:
    if options.cgroup_manager not in BY_SYSTEMD:
        return []
    from . import scope

    return scope.scope_steps(config, options.id, options.cgroup_manager)


def network_steps(config: Config) -> list[Step]:
    if not config.linux.net_devices:
        return []
    from . import namespaces

    return namespaces.net_device_steps(config.linux)


def root_steps(config: Config, options: Options) -> list[Step]:
    """Without a mount namespace, the container's mounts are the host's."""
    if any(namespace.type == "mount" for namespace in config.linux.namespaces):
        return []
    from . import rootfs

    return rootfs.bind_steps(config.linux, rootfs.rootfs_path(config, options), options.directory)


def device_steps(config: Config, options: Options) -> list[Step]:
    """For a user namespace, in which nobody may make devices, they are made outside of it."""
    if not config.linux.devices:
        return []
    from . import devices

    return devices.device_steps(config, options.directory, options.rootless)
