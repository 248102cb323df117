"""The end of the plan, when all is there but the program. `run` goes on to it at once; `start` is another process, and
makes this part alone."""

from __future__ import annotations

from ..steps import program
from .hooks import hook_file_steps, hook_steps, told_to_others
from .notify import notify_socket_steps, notify_variables

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.config import Config, Process
    from ..steps.step import Step
    from ..steps.told import State
    from .options import Options


def start_steps(config: Config, options: Options) -> list[Step]:
    return [
        *wait_steps(options),  # `create` ends, `start` goes on from here
        *notify_socket_steps(options),  # whoever starts the program hears of it
        *(execute_steps(config, config.process, options) if config.process else []),
    ]


def wait_steps(options: Options) -> list[Step]:
    if not options.wait_for_start:
        return []
    from ..steps.waiting import WaitForStart  # `run` does without

    return [WaitForStart()]


def execute_steps(config: Config, process: Process, options: Options) -> list[Step]:
    """The program, and what comes right before and after it."""
    told = told_to_others(config, options)
    return [
        *(early_filter_steps(config, process, told) if waits_unfiltered(config, options) else []),  # else: earlier
        *(filter_steps(config, told, "creating") if process.no_new_privileges else []),  # where no_new_privs allows it
        *hook_steps(config, "startContainer", told),  # programs of the container's: the filter is for them, too
        program.Execute(process.args, process.env + notify_variables(options)),
        program.SeeProgramRun(),
        *hook_steps(config, "poststart", told),
    ]


def early_filter_steps(config: Config, process: Process, told: State) -> list[Step]:
    """The system call filter where it takes CAP_SYS_ADMIN."""
    if process.no_new_privileges or not config.linux.seccomp:
        return []
    from .process import give_up_filter_rights_steps  # `start` has seldom to do with it

    return [*filter_steps(config, told, "creating"), *give_up_filter_rights_steps(process)]


def waits_unfiltered(config: Config, options: Options) -> bool:
    """A created container's process is to have no more rights than its program while it waits, unless the filter would
    not let it wait: profiles that were made by watching a program know what it needs, and what other runtimes do."""
    if not options.wait_for_start or not config.linux.seccomp:
        return False
    from .seccomp import refuses

    return refuses(config.linux.seccomp, "accept4")


def filter_steps(config: Config, told: State, status: str) -> list[Step]:
    """The filter of a container's first process, and before it what the hooks behind it could not do themselves."""
    return [*hook_file_steps(config, told), *load_filter_steps(config, told, status)] if config.linux.seccomp else []


def load_filter_steps(config: Config, told: State, status: str) -> list[Step]:
    """The system call filter of this process, and of the program that it becomes."""
    if not config.linux.seccomp:
        return []
    from .seccomp import load_steps  # a millisecond, which a container without a filter need not spend

    return load_steps(config.linux.seccomp, told, status)
