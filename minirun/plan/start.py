"""The end of the plan, when all is there but the program. `run` goes on to it at once; `start` is another process, and
makes this part alone."""

from __future__ import annotations

from ..steps import program
from .hooks import hook_steps, told_to_others
from .notify import notify_socket_steps, notify_variables

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.config import Config, Process
    from ..steps.step import Step
    from ..steps.told import State
    from .options import Options


def start_steps(config: Config, options: Options) -> list[Step]:
    return [
        *([program.WaitForStart()] if options.wait_for_start else []),  # `create` ends, `start` goes on from here
        *notify_socket_steps(options),  # whoever starts the program hears of it
        *(execute_steps(config, config.process, options) if config.process else []),
    ]


def execute_steps(config: Config, process: Process, options: Options) -> list[Step]:
    told = told_to_others(config, options)
    return [
        *hook_steps(config, "startContainer", told),
        # the filter where no_new_privs allows it here: nothing that comes after needs any other call
        *(load_filter_steps(config, told, "creating") if process.no_new_privileges else []),
        program.Execute(process.args, process.env + notify_variables(options)),
        program.SeeProgramRun(),
        *hook_steps(config, "poststart", told),
    ]


def load_filter_steps(config: Config, told: State, status: str) -> list[Step]:
    """The system call filter of this process, and of the program that it becomes."""
    if not config.linux.seccomp:
        return []
    from .seccomp import load_steps  # a millisecond, which a container without a filter need not spend

    return load_steps(config.linux.seccomp, told, status)
