"""`process` -> the steps that turn a process of minirun's into the container's program, in an order that works."""

from __future__ import annotations

from ..errors import ConfigError
from ..spec.config import Capabilities
from ..steps import credentials, program, rlimits
from .labels import set_label_steps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.config import Process, User
    from ..steps.step import Step


def terminal_steps(process: Process, console_socket: str, *, bind_console: bool = True) -> list[Step]:
    if not process.terminal:
        return []
    from ..steps import terminal

    size = (process.console_size.height, process.console_size.width) if process.console_size else None
    return [
        terminal.OpenTerminal(process.user.uid, size),
        terminal.TakeTerminal(is_shown=not console_socket, has_size=size is not None),
        *([terminal.SendTerminal(console_socket)] if console_socket else []),
        *([terminal.BindConsole()] if bind_console else []),
    ]


def use_terminal_steps(process: Process) -> list[Step]:
    """For the leader of the session, as which it takes the terminal."""
    if not process.terminal:
        return []
    from ..steps.terminal import UseTerminal

    return [UseTerminal()]


def rlimit_steps(process: Process) -> list[rlimits.SetRlimit]:
    return [
        rlimits.SetRlimit(rlimit.type, rlimit.soft, rlimit.hard, f"/process/rlimits/{index}")
        for index, rlimit in enumerate(process.rlimits)
    ]


def forking_rlimit_steps(process: Process) -> tuple[list[Step], list[Step]]:
    """The same for a process that forks once more when it is the program's user already. RLIMIT_NPROC counts all
    processes of that user, so it would hit this fork: what is to be done before, and what after it."""
    from ..steps.late_entry import AllowRlimit, LowerRlimit

    before: list[Step] = []
    after: list[Step] = []
    for step in rlimit_steps(process):
        if step.type == "RLIMIT_NPROC":
            before.append(AllowRlimit(*step.values()))
            after.append(LowerRlimit(*step.values()))
        else:
            before.append(step)
    return before, after


def identity_steps(
    process: Process, groups_may_stay: bool = False, keep_groups: bool = False, filter_follows: bool = False
) -> list[Step]:
    """Without `capabilities` in config.json the program gets none, as with other runtimes."""
    granted = process.capabilities or Capabilities()
    user = process.user
    kept = lacks_filter_rights(process) if filter_follows else ()
    return [
        credentials.DropBoundingSet(granted.bounding),
        become_user(user, groups_may_stay, keep_groups),
        credentials.SetCapabilities(granted.effective, granted.permitted, granted.inheritable, until_filter=kept),
        credentials.SetAmbientSet(granted.ambient, user.uid),
        *set_label_steps(process),
    ]


def become_user(user: User, groups_may_stay: bool, keep_groups: bool) -> Step:
    """Where the caller's groups are kept, those of config.json count for nothing, as with crun."""
    if keep_groups:
        return credentials.SetUser(user.uid, user.gid, keep_groups=True)
    return credentials.SetUser(user.uid, user.gid, user.additional_gids, groups_may_stay=groups_may_stay)


def lacks_filter_rights(process: Process) -> tuple[str, ...]:
    """What it takes to load a filter without noNewPrivileges (seccomp(2)), where the program does not have it."""
    effective = process.capabilities.effective if process.capabilities else ()
    return () if LOADING in effective else (LOADING,)


def give_up_filter_rights_steps(process: Process) -> list[Step]:
    """The end of what `identity_steps` has begun, where a filter was to follow."""
    if not lacks_filter_rights(process):
        return []
    from ..steps.filter_rights import GiveUpFilterRights

    granted = process.capabilities or Capabilities()
    return [GiveUpFilterRights(granted.effective, granted.permitted, granted.inheritable)]


LOADING = "CAP_SYS_ADMIN"


def program_steps(process: Process) -> list[Step]:
    """From here on everything is the program's own view: its user, its directory, its PATH."""
    if not process.args:
        raise ConfigError("/process/args", "missing", "at least the program to run")
    variables = dict(pair.split("=", 1) for pair in process.env)
    steps: list[Step] = [
        program.FindProgram(process.args[0], variables.get("PATH", program.DEFAULT_PATH)),
        program.SetUmask(process.user.umask),
        program.ResetSignals(),
    ]
    if process.no_new_privileges:
        steps.append(credentials.SetNoNewPrivs())
    return steps
