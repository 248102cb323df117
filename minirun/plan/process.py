"""`process` -> the steps that turn a process of minirun's into the container's program, in an order that works."""

from __future__ import annotations

from ..errors import ConfigError
from ..spec.config import Capabilities
from ..steps import credentials, program, scheduling, terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.config import Process
    from ..steps.step import Step


def terminal_steps(told: Process) -> list[Step]:
    if not told.terminal:
        return []
    size = (told.console_size.height, told.console_size.width) if told.console_size else None
    return [
        terminal.OpenTerminal(told.user.uid, told.user.gid, size),
        terminal.TakeTerminal(),
        terminal.BindConsole(),
    ]


def rlimit_steps(told: Process) -> list[Step]:
    return [
        scheduling.SetRlimit(rlimit.type, rlimit.soft, rlimit.hard, f"/process/rlimits/{index}")
        for index, rlimit in enumerate(told.rlimits)
    ]


def scheduling_steps(told: Process) -> list[Step]:
    steps: list[Step] = []
    if told.scheduler:
        steps.append(scheduling.SetScheduler(*told.scheduler.values()))
    if told.io_priority:
        steps.append(scheduling.SetIOPriority(told.io_priority.cls, told.io_priority.priority))
    return steps


def identity_steps(told: Process) -> list[Step]:
    """Without `capabilities` in config.json the program gets none, as with other runtimes."""
    granted = told.capabilities or Capabilities()
    user = told.user
    steps: list[Step] = [
        credentials.DropBoundingSet(granted.bounding),
        credentials.SetUser(user.uid, user.gid, user.additional_gids),
        credentials.SetCapabilities(granted.effective, granted.permitted, granted.inheritable),
    ]
    if granted.ambient:
        steps.append(credentials.RaiseAmbientSet(granted.ambient))
    return steps


def program_steps(told: Process) -> list[Step]:
    """From here to execve(2) everything is the program's own view: its user, its directory, its PATH."""
    if not told.args:
        raise ConfigError("/process/args", "missing", "at least the program to run")
    variables = dict(pair.split("=", 1) for pair in told.env)
    steps: list[Step] = [] if "HOME" in variables else [program.FindHome(told.user.uid)]
    steps += [
        program.FindProgram(told.args[0], variables.get("PATH", "")),
        program.SetUmask(told.user.umask),
        program.ResetSignals(),
    ]
    if told.no_new_privileges:
        steps.append(credentials.SetNoNewPrivs())
    steps.append(program.Execute(told.args, told.env))
    return steps
