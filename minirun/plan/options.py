"""What a plan is made by beside config.json, and which of its parts is made.

`run` and `create` make all of it (container.py). A later command makes anew, from the same two, what it needs: `start`
the end (start.py), `delete` what leaves something on the host (lasting.py).
"""

from __future__ import annotations

from ..record import Record
from ..steps.layout import DEFAULT_ROOT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..spec.config import Config
    from ..steps.step import Step

    Part = Callable[[Config, "Options"], Iterable[Step]]

# Who makes the cgroup: minirun itself by way of the file system; the system's systemd, or the user's own; nobody, since
# the caller wants it so; or nobody, since the caller is a user who may make none.
CGROUPFS, SYSTEMD, SYSTEMD_USER, DISABLED, INHERITED = "cgroupfs", "systemd", "systemd-user", "disabled", "inherited"
BY_SYSTEMD = (SYSTEMD, SYSTEMD_USER)  # the steps are in scope.py, which few runs need


class Options(Record):
    """What the command line says about a container, beside its config.json. Paths are absolute."""

    id: str
    bundle: str
    root: str = DEFAULT_ROOT
    preserve_fds: int = 0
    no_pivot: bool = False
    pid_file: str = ""
    console_socket: str = ""
    detach: bool = False  # nobody stays to carry the terminal
    wait_for_start: bool = False  # `create`, which `start` follows; not `run`
    config: str = ""  # the file in place of the bundle's config.json
    pidfd_socket: str = ""
    new_keyring: bool = True
    cgroup_manager: str = CGROUPFS
    listen_fds: int = 0  # descriptors from 3 on that are sockets for the program (sd_listen_fds(3))
    listen_names: str = ""
    notify_socket: str = ""  # where the caller hears that the program is ready (sd_notify(3))
    restored: bool = False  # its processes come from a checkpoint
    without: str = ""  # protections that are left out, with commas between them (plan/without.py)
    # Who runs minirun, which the plan can't ask (runtime/caller.py):
    uid: int = 0
    gid: int = 0
    rootless: bool = False  # not the host's root: an ordinary user, or the root of a user namespace

    @property
    def directory(self) -> str:
        return f"{self.root}/{self.id}"


def made(part: Part, config: Config, options: Options) -> tuple[Step, ...]:
    """The steps of a part, without what the command line wants left out. Raises ConfigError, StateError."""
    if not options.without:
        return tuple(part(config, options))
    from .without import made_without  # for who wants to see what would be

    return made_without(part, config, options)
