"""Who runs minirun, and what follows from that: a plan asks the kernel nothing, so it is told (plan/container.py)."""

from __future__ import annotations

import os

from ..cgroups import hierarchy
from ..errors import MinirunError, StateError
from ..kernel import files
from ..plan.options import CGROUPFS, INHERITED
from ..steps.layout import DEFAULT_ROOT, users_root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..plan.options import Options
    from ..spec.config import Linux

ALL_IDS = ["0", "0", "4294967295"]  # the map of the initial user namespace (user_namespaces(7))


def as_caller(options: Options, linux: Linux) -> Options:
    """The options with what the plan needs to know of the caller."""
    if is_host_root():
        return options
    manager = options.cgroup_manager
    if manager == CGROUPFS and not linux.cgroups_path and not may_make_cgroups():
        manager = INHERITED
    return options.replace(uid=os.geteuid(), gid=os.getegid(), rootless=True, cgroup_manager=manager)


def as_caller_or_root(options: Options, text: bytes | None = None) -> Options:
    """The same for who only wants to see the plan, and may look at one that only root could have. `text` stands for
    config.json."""
    from ..plan.container import plan
    from ..spec.load import content, decode, parse

    try:
        config = parse(decode(content(options.bundle, options.config) if text is None else text))
        own = as_caller(options, config.linux)
        plan(config, own)
    except MinirunError:
        return options  # as it is for root, or with the same error
    return own


def is_host_root() -> bool:
    """Whether this process has root's rights over the host, not over a user namespace."""
    return os.geteuid() == 0 and files.read_file("/proc/self/uid_map").split() == ALL_IDS


def may_make_cgroups() -> bool:
    """At the place that containers have theirs in, unless their config.json names another."""
    mount = hierarchy.mount_point()
    return bool(mount) and os.access(mount, os.W_OK, effective_ids=True)


def default_root() -> str:
    """The directory of the containers' state. Raises StateError where a user has none.

    /run is root's, also where it is read-only. The root of a user namespace, as engines without root make one, has no
    more rights there than the user.
    """
    if os.access("/run", os.W_OK, effective_ids=True) or is_host_root():
        return DEFAULT_ROOT
    directory = users_root()
    if directory:
        return directory
    runtime_directory = os.environ.get("XDG_RUNTIME_DIR", "")
    what = f"is {runtime_directory!r}, no absolute path" if runtime_directory else "is not set"
    raise StateError(
        f"there is no place for the containers' state: XDG_RUNTIME_DIR {what}\n"
        f"  cure:  {cure_for_missing(f'/run/user/{os.geteuid()}')}"
    )


def cure_for_missing(usual: str) -> str:
    """su(1) and sudo(8) start no session, so nobody sets the variable (pam_systemd(8))."""
    if os.path.isdir(usual):
        return f"export XDG_RUNTIME_DIR={usual}"
    return (
        "log in as this user, for which su and sudo do not count; or as root `loginctl enable-linger USER`, then "
        f"export XDG_RUNTIME_DIR={usual}; or --root DIR, with a directory that is yours"
    )
