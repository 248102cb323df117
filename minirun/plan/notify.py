"""$NOTIFY_SOCKET -> the steps that give the container a socket for its news. It is looked for at the place that other
runtimes have it at, so that images can rely on it.

Few callers want to know, so the steps are imported for those that do.
"""

from __future__ import annotations

from ..kernel.constants import MOUNT_ATTR_NODEV, MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NOSUID, MOUNT_ATTR_RDONLY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..steps.step import Step
    from .options import Options

FLAGS = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC


def notify_directory_steps(options: Options) -> list[Step]:
    if not options.notify_socket:
        return []
    from ..steps import notify

    return [notify.MakeNotifyDirectory(options.directory)]


def notify_mount_steps(options: Options) -> list[Step]:
    """After the mounts of config.json, which may cover /run. To send is allowed on a read-only mount."""
    if not options.notify_socket:
        return []
    from ..steps import notify
    from ..steps.binds import BindMount
    from ..steps.mount_flags import Change

    source = f"{options.directory}/{notify.DIRECTORY}"
    return [BindMount(source, notify.INSIDE, False, (Change(FLAGS),))]


def notify_socket_steps(options: Options) -> list[Step]:
    """In the command that starts the program: it is there to pass the news on."""
    if not options.notify_socket:
        return []
    from ..steps import notify

    return [notify.OpenNotifySocket(options.directory)]


def notify_variables(options: Options) -> tuple[str, ...]:
    if not options.notify_socket:
        return ()
    from ..steps import notify

    return (f"NOTIFY_SOCKET={notify.INSIDE}/{notify.SOCKET}",)
