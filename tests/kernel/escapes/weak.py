"""A minirun without one of its defences.

    python weak.py NAME WORDS…        minirun WORDS…

A test whose attack fails on minirun proves nothing until it succeeds on this one. Each function below takes one defence
out, in all processes of the command; its docstring says which. All others stay. minirun is where $PYTHONPATH says.
"""

from __future__ import annotations

import os
import sys
import time
import types
from typing import TYPE_CHECKING, Any

sys.path.insert(0, os.environ["PYTHONPATH"])  # minirun starts itself again in a Python that does not look there

import minirun.steps.step
from minirun.kernel import closing, files, processes, programs
from minirun.runtime import again, books, exec, seal
from minirun.steps import (
    copying,
    credentials,
    descriptors,
    devices,
    home,
    hook_program,
    joining,
    labels,
    masks,
    mounts,
    paths,
    process,
    program,
    sources,
    sysctl,
    terminal,
)

if TYPE_CHECKING:
    from collections.abc import Callable

WEAKENINGS: dict[str, Callable[[], None]] = {}


def weakening(function: Callable[[], None]) -> Callable[[], None]:
    WEAKENINGS[function.__name__.replace("_", "-")] = function
    return function


def give_others_time() -> None:
    """The time of a slow machine, between a look and a deed: a race is won more often then."""
    time.sleep(0.0005)


def nothing(*args: Any, **more: Any) -> None:
    """In the place of what protects."""


# ---- paths of the image


@weakening
def paths_by_name() -> None:
    """A path is looked up in the container's root, and then its name is used: runc before CVE-2021-30465."""
    look_up = files.open_in_root

    def by_name(root: int, path: str, flags: int, symlinks: bool = True) -> int:
        found = look_up(root, path, flags, symlinks)
        name = os.readlink(files.by_descriptor(found))
        os.close(found)
        give_others_time()
        return files.open(name, flags | os.O_CLOEXEC)

    # The runtime opens the sources that are another user's: its names are those of the host's mounts, not of copies.
    sources.files = types.SimpleNamespace(**vars(files))
    files.open_in_root = by_name


@weakening
def files_by_name() -> None:
    """A file that is missing is made by its path, through whatever symlinks are on the way."""

    def make(context: minirun.steps.step.Context, path: str) -> int:
        by_name = files.by_descriptor(context.root) + path
        os.close(files.open(by_name, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC))
        return files.open(by_name, os.O_PATH | os.O_CLOEXEC)

    mounts.make_file = terminal.make_file = make


@weakening
def nodes_anywhere() -> None:
    """What belongs into /dev is made in whatever directory was found there."""
    devices.is_for_nodes = lambda *where: True


@weakening
def owner_by_name() -> None:
    """A device's owner is set by the name that it was made under."""

    def apply(self: devices.MakeDevice, context: minirun.steps.step.Context) -> None:
        parent, name = paths.make_parent(context, self.path)
        self.make(context, parent, name)
        give_others_time()
        os.chown(f"{files.by_descriptor(parent)}/{name}", self.uid, self.gid)
        os.close(parent)

    devices.MakeDevice.apply = apply  # type: ignore[method-assign]


@weakening
def copies_by_name() -> None:
    """tmpcopyup opens what it copies through symlinks."""

    def open_later(directory: int, path: str) -> int:
        give_others_time()
        return files.open(f"{files.by_descriptor(directory)}/{path}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    copying.open_below = open_later
    copying.is_mount_point = lambda directory, name: False


@weakening
def null_of_the_image() -> None:
    """What stands at the image's /dev/null is bound over what is to be masked."""

    def bind(context: minirun.steps.step.Context, place: int) -> None:
        null = paths.find(context.root, "/dev/null")
        assert null is not None
        tree = masks.mounts.open_tree(null, "", False)
        masks.mounts.move_mount(tree, place)
        os.close(tree)
        os.close(null)

    apply = masks.MaskPath.apply

    def with_images_null(self: masks.MaskPath, context: minirun.steps.step.Context) -> None:
        masks.bind_null = lambda place: bind(context, place)
        apply(self, context)

    masks.MaskPath.apply = with_images_null  # type: ignore[method-assign]


@weakening
def special_files() -> None:
    """/etc/passwd is opened and read, whatever it is."""

    def read_anything() -> str:
        try:
            return files.read_file("/etc/passwd")
        except OSError:
            return ""

    home.read_passwd = read_anything


# ---- /proc


@weakening
def proc_by_symlink() -> None:
    """proc and sysfs are mounted wherever a symlink of the image leads."""
    mounts.NEVER_BY_SYMLINK = ()


@weakening
def mounts_inside_proc() -> None:
    """Anything may be mounted inside of /proc."""
    mounts.refuse_inside_proc = nothing


@weakening
def sysctl_by_path() -> None:
    """A setting is written to whatever stands at its path."""

    def apply(self: sysctl.SetSysctl, context: minirun.steps.step.Context) -> None:
        files.write_file(f"/proc/sys/{self.path}", self.value)

    sysctl.SetSysctl.apply = apply  # type: ignore[method-assign]


@weakening
def sysctl_after_the_root() -> None:
    """A setting is written when the container's /proc is the only one."""
    from minirun.plan import container as plan

    sysctl_by_path()
    early, preparation = plan.sysctl_steps, plan.preparation_steps
    plan.sysctl_steps = lambda config: []
    plan.preparation_steps = lambda config, *more: [*early(config), *preparation(config, *more)]


@weakening
def label_by_path() -> None:
    """A label is written to whatever stands at its path when the container's mount namespace is entered."""
    any_module()
    labels.HoldProc.apply = nothing  # type: ignore[method-assign,assignment]

    def apply(self: labels.OpenExecAttribute, context: minirun.steps.step.Context) -> None:
        context.exec_attributes[self.module] = files.open("/proc/self/attr/exec", os.O_WRONLY | os.O_CLOEXEC)

    labels.OpenExecAttribute.apply = apply  # type: ignore[method-assign]


@weakening
def any_module() -> None:
    """Labels are written although the kernel has no such module on: so far as it takes them, all is as with it."""
    labels.RequireSecurityModule.apply = nothing  # type: ignore[method-assign,assignment]


# ---- descriptors


@weakening
def descriptors_stay_open() -> None:
    """No descriptor is closed for the program or for hooks."""
    closing.close_on_exec_from = nothing  # type: ignore[assignment]
    descriptors.CloseFiles.apply = nothing  # type: ignore[method-assign,assignment]


@weakening
def directory_anywhere() -> None:
    """Nobody looks where the working directory has turned out to be."""
    files.getcwd = lambda: b"/"


@weakening
def null_by_name() -> None:
    """The container's null device is whatever its /dev/null leads to."""

    def apply(self: descriptors.ReopenNull, context: minirun.steps.step.Context) -> None:
        null = files.open("/dev/null", os.O_RDWR)
        for number in (0, 1, 2):
            if files.is_null_device(number):
                os.dup2(null, number)
        os.close(null)

    descriptors.ReopenNull.apply = apply  # type: ignore[method-assign]


# ---- the runtime itself


@weakening
def open_to_tracers() -> None:
    """The container's process stays dumpable."""
    processes.set_dumpable = nothing  # type: ignore[assignment]
    for step in (credentials.SetUser, joining.JoinNamespace):  # where the kernel may close it by itself
        also_dumpable(step)
    execute = program.Execute.apply

    def execute_later(self: program.Execute, context: minirun.steps.step.Context) -> None:
        for _ in range(20):
            give_others_time()
        execute(self, context)

    program.Execute.apply = execute_later  # type: ignore[method-assign]


def also_dumpable(step: Any) -> None:
    apply, prctl = step.apply, original_set_dumpable

    def then_open(self: Any, context: Any) -> None:
        apply(self, context)
        prctl(True)

    step.apply = then_open


original_set_dumpable = processes.set_dumpable


@weakening
def enters_first() -> None:
    """A further process is where the container sees it while it still has the host's files open."""
    from minirun.plan import exec as plan

    plan.lets_fork = lambda config, process: False
    descriptors.CloseFiles.apply = nothing  # type: ignore[method-assign,assignment]


@weakening
def not_sealed() -> None:
    """minirun stays in the host's own interpreter."""
    seal.is_sealed = lambda: True


@weakening
def imports_inside() -> None:
    """Modules are loaded when they are needed, wherever the container's process is by then."""
    terminal.OpenTerminal.prepare = nothing  # type: ignore[method-assign,assignment]
    apply = process.StartContainerProcess.apply

    def with_imports(self: process.StartContainerProcess, context: minirun.steps.step.Context) -> None:
        finders = list(sys.meta_path)
        apply(self, context)
        sys.meta_path[:] = finders

    process.StartContainerProcess.apply = with_imports  # type: ignore[method-assign]


# ---- rights


@weakening
def users_by_int() -> None:
    """A number of a user is whatever can be taken for one, and everything else is 0."""

    def number(word: str, flag: str) -> int:
        digits = word.split()[0] if word.split() else ""
        return int(digits) & 0xFFFFFFFF if digits.lstrip("+-").isdecimal() else 0

    exec.number = number


@weakening
def filter_is_left_out() -> None:
    """The system call filter is made, and not loaded."""
    from minirun.steps import seccomp

    seccomp.LoadFilter.apply = nothing  # type: ignore[method-assign,assignment]


@weakening
def rights_are_inherited() -> None:
    """What exec --cap gives goes into every set: CVE-2022-29162."""
    from minirun.spec.config import Capabilities

    def every_set(first: Any, names: tuple[str, ...]) -> Any:
        return Capabilities(*(tuple(dict.fromkeys((*old, *names))) for old in (first or Capabilities()).values()))

    exec.more_capabilities = every_set


@weakening
def cgroup_anywhere() -> None:
    """--cgroup may lead anywhere."""
    from minirun.plan import exec as plan

    plan.check_cgroup = nothing  # type: ignore[assignment]


# ---- terminals


@weakening
def callers_session() -> None:
    """The program stays in the session of who has started minirun."""
    process.StartSession.apply = nothing  # type: ignore[method-assign,assignment]


@weakening
def any_terminal() -> None:
    """The program's side of its terminal is whatever a path in the image's /dev/pts leads to."""

    def apply(self: terminal.OpenTerminal, context: minirun.steps.step.Context) -> None:
        master, _ = os.openpty()
        name = os.readlink(files.by_descriptor(context.root)) + "/dev/pts/0"
        context.slave = files.open(name, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        context.outgoing.append(master)

    terminal.OpenTerminal.apply = apply  # type: ignore[method-assign]
    terminal.BindConsole.apply = nothing  # type: ignore[method-assign,assignment]

    def use(self: terminal.UseTerminal, context: minirun.steps.step.Context) -> None:
        for descriptor in (0, 1, 2):
            os.dup2(context.slave, descriptor)
        os.close(context.slave)

    terminal.UseTerminal.apply = use  # type: ignore[method-assign]


# ---- books, and other users


@weakening
def pids_are_believed() -> None:
    """A process is the container's if it has its number."""
    look = processes.stat_fields
    processes.stat_fields = lambda pid, started=None: look(pid)
    joining.CheckProcess.apply = nothing  # type: ignore[method-assign,assignment]


@weakening
def signal_by_number() -> None:
    """A signal goes to the process that has the number when it is sent."""
    from minirun.runtime import kill

    def signal_one(container: books.Container, number: int) -> bool:
        alive = container.is_alive()
        if alive:
            os.kill(container.pid, number)
        return alive

    kill.signal_one = signal_one


@weakening
def reused_after_the_look() -> None:
    """None: right after it was seen that the container's process is alive, it ends, and another one gets its number."""
    look, reused = books.Container.stat, []

    def look_and_reuse(self: books.Container) -> list[str] | None:
        stat = look(self)
        if stat and not reused and "ASK_FOR_REUSE" in os.environ:
            reused.append(self.pid)
            give_to_another(self.pid)
        return stat

    books.Container.stat = look_and_reuse  # type: ignore[method-assign]


def give_to_another(pid: int) -> None:
    """The test does it (reuse.py), when a file asks for it, and takes that file away when it is done."""
    asked = os.environ["ASK_FOR_REUSE"]
    with open(asked, "w") as file:
        file.write(str(pid))
    while os.path.exists(asked):
        time.sleep(0.001)


@weakening
def any_id() -> None:
    """An id may be any path."""
    import minirun.operations

    minirun.operations.checked_id = lambda name: name


@weakening
def books_of_anybody() -> None:
    """Root does what the books of another user say."""
    from minirun.runtime import books, delete, lock, remade

    for module in (books, delete, lock):
        module.refuse_others = nothing  # type: ignore[attr-defined]
    for module in (books, remade):
        module.trusted_owner = nothing  # type: ignore[attr-defined]


@weakening
def callers_environment() -> None:
    """Helpers and hooks are found by the caller's PATH, and get the caller's variables."""
    programs.DIRECTORIES = (*os.environ.get("PATH", "").split(":"), *programs.DIRECTORIES)
    spawn = os.posix_spawn
    os.posix_spawn = lambda path, words, environment, **more: spawn(path, words, os.environ, **more)  # type: ignore[assignment]
    execve = processes.execve

    def with_callers(path: str, words: Any, environment: dict[str, str]) -> None:
        execve(path, words, {**os.environ, **environment})

    hook_program.processes.execve = with_callers


@weakening
def callers_keyring() -> None:
    """The program stays in the session keyring of who has started minirun."""
    from minirun.steps import keyring

    keyring.JoinSessionKeyring.apply = nothing  # type: ignore[method-assign,assignment]


@weakening
def hosts_cgroups() -> None:
    """Where the container has no cgroup of its own to be shown, it is shown the host's."""
    from minirun.cgroups import hierarchy
    from minirun.steps.binds import BindMount

    def apply(self: mounts.HideCgroups, context: minirun.steps.step.Context) -> None:
        BindMount(hierarchy.mount_point(), self.destination, True).apply(context)

    mounts.HideCgroups.apply = apply  # type: ignore[method-assign]


CHOSEN = "WEAKENED"  # a variable: minirun hands its own on to itself


def main() -> None:
    """Take it out of this process, and of the one that it becomes when it starts itself again. Several have a + between
    them."""
    if CHOSEN not in os.environ:
        os.environ[CHOSEN] = sys.argv.pop(1)
    again.MAIN = os.path.abspath(__file__)
    for name in os.environ[CHOSEN].split("+"):
        WEAKENINGS[name]()
    from minirun.__main__ import main as start

    start()


if __name__ == "__main__":
    main()
