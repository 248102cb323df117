"""`minirun exec`: a further process in a container."""

from __future__ import annotations

import os

from ..errors import ConfigError, ContainerDied, MinirunError, StateError, StepError
from ..plan.exec import ExecOptions, exec_plan
from ..plan.hooks import told_to_others
from ..record import Record
from ..safe import safe
from ..spec.config import Capabilities, Process, User
from ..spec.load import decode, parse
from ..spec.load_process import read_process
from ..spec.reader import Node
from .books import CREATED, CREATING, PAUSED, STOPPED, Container, find_own
from .log import Log
from .own_signals import JUST_ENDED, watching
from .remade import config_of, options_of
from .run import check_proc, run_plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..plan.options import Options
    from ..spec.config import Config
    from ..steps.step import Step
    from .run import Ready

FAILED = 255  # the exit status when there is no process, as with other runtimes


class Wishes(Record):
    """What the command line says about the process: over what config.json has for the first one."""

    args: tuple[str, ...] = ()
    file: str = ""  # with a whole process in it, and then the rest does not count
    cwd: str = ""
    env: tuple[str, ...] = ()
    user: str = ""
    additional_gids: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    no_new_privileges: bool = False
    terminal: bool = False
    selinux_label: str = ""
    apparmor_profile: str = ""


def execute(
    root: str,
    name: str,
    wishes: Wishes,
    options: ExecOptions,
    log: Log,
    *,
    ignore_paused: bool,
    ready: Ready | None = None,
) -> int:
    """Run the process; its exit status, or 0 when it is detached. Calls `ready` when it runs. Raises MinirunError."""
    try:
        check_proc()
        container = find_own(root, name)
        made = options_of(container)
        check_status(container.status(), ignore_paused, made.uid != 0)
        config = without(parse(decode(config_of(container))), made)
        process = wished(config.process, wishes)
        options = options.replace(
            pid=container.pid,
            start_time=container.facts["pidStartTime"],
            told=told_to_others(config, made),
            new_keyring=made.new_keyring,
            cgroup_manager=made.cgroup_manager,
            uid=os.geteuid(),
            rootless=made.rootless,
        )
        steps = lacking(exec_plan(config, process, options), made)
        with StillThere(container) as lifeline:
            stay, cgroup = not options.detach, container.cgroup
            return run_plan(steps, log, stay=stay, cgroup=cgroup, lifeline=lifeline, ready=ready)
    except MinirunError as error:
        error.exit_status = FAILED
        if isinstance(error, StepError):
            tell_origin(error, wishes)
        raise


def without(config: Config, made: Options) -> Config:
    """What has been left out of the container, this process is to be without, too. Raises StateError."""
    if not made.without:
        return config
    from ..plan.without import check_exec, config_without, names_of

    check_exec(names_of(made.without))
    return config_without(config, names_of(made.without))


def lacking(steps: tuple[Step, ...], made: Options) -> tuple[Step, ...]:
    if not made.without:
        return steps
    from ..plan.without import names_of, steps_without

    return steps_without(steps, names_of(made.without))


class StillThere:
    """Where the container ends while this block is at work, that is why it fails, and not what failed in it first."""

    def __init__(self, container: Container) -> None:
        self.container = container

    def __enter__(self) -> int:
        """A pidfd of its process; -1 where that has ended already."""
        self.process = self.container.open_process()
        return self.process

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        has_failed = isinstance(error, (StepError, ContainerDied))
        has_ended = self.process < 0 or (has_failed and bool(watching(self.process).poll(MOMENT)))
        if self.process >= 0:
            os.close(self.process)
        if has_failed and has_ended:
            raise StateError(JUST_ENDED) from None


MOMENT = 100  # milliseconds: who ends all processes of a container ends this one first, or that one


def tell_origin(error: StepError, wishes: Wishes) -> None:
    """What config.json says of the process is the first one's. This one comes from the command line, or from a file."""
    inside = error.pointer.removeprefix("/process/")
    if inside != error.pointer:
        in_file = {"place": f"/{inside}", "document": f"in {wishes.file}"}
        error.details |= in_file if wishes.file else {"document": "of this exec"}


def check_status(status: str, ignore_paused: bool, by_user: bool) -> None:
    if status in (STOPPED, CREATING):
        raise StateError(f"cannot exec in a {status} container")
    if status == CREATED and by_user:
        raise StateError(
            "cannot exec in a created container of a user: its namespaces are closed until it runs\n"
            "  cure:  minirun start, first"
        )
    if status == PAUSED and not ignore_paused:
        raise StateError("cannot exec in a paused container (use --ignore-paused to override)")


def wished(first: Process | None, wishes: Wishes) -> Process:
    """The process that is asked for."""
    if wishes.file:
        process = process_of(wishes.file)
        return process.replace(terminal=True) if wishes.terminal else process
    if not wishes.args:
        raise StateError("there is no program to run\n  cure:  name it behind the id, or give --process FILE")
    if first is None:
        raise StateError("the container has no process to take the rest from\n  cure:  --process FILE")
    changes = {
        "args": wishes.args,
        "terminal": wishes.terminal,
        "console_size": None,  # the first one's window is not this one's
        "env": first.env + wishes.env,
        "cwd": wishes.cwd or first.cwd,
        "user": user(first.user, wishes),
        "capabilities": more_capabilities(first.capabilities, wishes.capabilities),
        "no_new_privileges": first.no_new_privileges or wishes.no_new_privileges,
        "selinux_label": wishes.selinux_label or first.selinux_label,
        "apparmor_profile": wishes.apparmor_profile or first.apparmor_profile,
    }
    return check(first.replace(**changes))


def process_of(path: str) -> Process:
    """The process that a file describes."""
    try:
        return read_process(Node(decode(read(path)), ""))
    except ConfigError as error:  # its words are about config.json, and this is another file
        place = error.pointer or "the top level"
        raise StateError(
            f"can't use the process from {safe(path)}: {place}: {error.found}\n  allowed: {error.allowed}"
        ) from None


def read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise StateError(f"can't read the process from {safe(path)}: {error.strerror}") from None


def check(process: Process) -> Process:
    """What came from the command line has to obey the same rules as what comes from a file."""
    if not process.cwd.startswith("/"):
        raise StateError(f"cwd must be an absolute path, not {process.cwd!r}")
    wrong = next((pair for pair in process.env if pair.find("=") < 1), None)
    if wrong is not None:
        raise StateError(f"a variable of the environment is NAME=value, not {wrong!r}")
    return process


def user(first: User, wishes: Wishes) -> User:
    """ "1000" or "1000:100". Another user does not have the first one's groups."""
    if wishes.user:
        uid, _, gid = wishes.user.partition(":")
        first = User(number(uid, "--user"), number(gid, "--user") if gid else first.gid, umask=first.umask)
    groups = tuple(number(word, "--additional-gids") for word in wishes.additional_gids)
    return first.replace(additional_gids=first.additional_gids + groups) if groups else first


def number(word: str, flag: str) -> int:
    if not (word.isascii() and word.isdigit() and len(word) < 20 and int(word) < 2**32 - 1):
        raise StateError(f"{flag}: {word!r} is no number of a user or group\n  allowed: UID or UID:GID, as numbers")
    return int(word)


# What one more capability is added to. Not to the inheritable set: there, whatever the program executes would get it by
# the file's inheritable flag, which the image may set (CVE-2022-29162); nor to the ambient one, which goes with it.
GRANTED = ("bounding", "effective", "permitted")


def more_capabilities(first: Capabilities | None, names: tuple[str, ...]) -> Capabilities | None:
    if not names:
        return first
    sets = first or Capabilities()
    wanted = tuple(name if name.startswith("CAP_") else f"CAP_{name}" for name in (word.upper() for word in names))
    return sets.replace(**{kind: tuple(dict.fromkeys((*getattr(sets, kind), *wanted))) for kind in GRANTED})
