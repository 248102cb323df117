"""A container, for a program to make, to find and to use."""

from __future__ import annotations

import os
import select
import subprocess
import time
from typing import IO, TYPE_CHECKING, Any

from .. import operations
from ..cgroups.usage import plain
from ..errors import StateError
from ..plan.options import CGROUPFS, Options
from ..runtime import books
from ..runtime.exec import Wishes
from .bundle import Bundle
from .process import Process, Streams, call

if TYPE_CHECKING:
    from builtins import list as List  # in the class, list is a method
    from collections.abc import Mapping, Sequence
    from typing import Self, Unpack

    from .bundle import StrPath


class Creation(Streams, total=False):
    """How a container is made."""

    pass_fds: Sequence[int]  # the program finds them from 3 on, in this order
    id: str  # one is made up, if not given
    root: StrPath  # the directory of the containers' state
    env: Mapping[str, str]  # variables in addition to the bundle's
    cwd: str  # in place of the bundle's
    terminal: bool  # in place of the bundle's
    console_socket: StrPath  # where the terminal's master side is sent
    pid_file: StrPath
    pidfd_socket: StrPath  # where the descriptor of the program's process is sent
    no_pivot: bool
    new_keyring: bool  # True, if not given
    cgroup_manager: str  # "cgroupfs", if not given, "systemd" or "disabled"


class Execution(Streams, total=False):
    """What a further program gets otherwise than the container's first one."""

    pass_fds: Sequence[int]  # as for the container
    env: Mapping[str, str]  # in addition
    cwd: str
    user: int | str  # UID, or "UID:GID"
    additional_gids: Sequence[int]  # in addition
    capabilities: Sequence[str]  # in addition
    no_new_privileges: bool
    selinux_label: str
    apparmor_profile: str
    terminal: bool
    pid_file: StrPath
    pidfd_socket: StrPath  # as for the container
    cgroup: str  # below the container's
    ignore_paused: bool


class Container:
    """A container. Those that run() and create() return belong to the caller: `with` deletes them at its end.

    Everything raises MinirunError where it can't be done: StateError if that is for the state that the container is in.
    """

    def __init__(self, id: str, *, root: StrPath | None = None, process: Process | None = None) -> None:
        """Takes the caller's word that there is such a container; find() looks."""
        self.id, self.root = operations.checked_id(id), root_of(root)
        self._directory = f"{self.root}/{self.id}"
        self._process = process

    # ---- make one

    @classmethod
    def run(cls, bundle: Bundle | StrPath, args: Sequence[str] | None = None, **how: Unpack[Creation]) -> Container:
        """Make a container and run its program, `args` or what the bundle says; returns when that runs.

        `how` may have: id, root, env (in addition to the bundle's), cwd, terminal, console_socket, pid_file,
        pidfd_socket, no_pivot, new_keyring and cgroup_manager; and stdin, stdout, stderr, text, encoding, errors and
        pass_fds, much as for subprocess.Popen.
        """
        return cls._make(bundle, args, how)

    @classmethod
    def create(cls, bundle: Bundle | StrPath, args: Sequence[str] | None = None, **how: Unpack[Creation]) -> Container:
        """Make a container whose program waits for start(). The rest is as for run()."""
        return cls._make(bundle, args, how, wait_for_start=True)

    @classmethod
    def _make(
        cls,
        bundle: Bundle | StrPath,
        args: Sequence[str] | None,
        how: Creation,
        *,
        wait_for_start: bool = False,
        keep: bool = True,
    ) -> Container:
        refuse_unknown(how, Creation)
        bundle = wished(bundle if isinstance(bundle, Bundle) else Bundle(bundle), args, how)
        options = creation_options(bundle, how, wait_for_start)
        process = Process(
            "run",
            {"options": dict(zip(options.fields, options.values())), "config": bundle.dumps(), "keep": keep},
            args=bundle.process.get("args", ()),
            in_foreground=bool(bundle.process.get("terminal")),
            pass_fds=how.get("pass_fds", ()),
            **streams(how),
        )
        try:
            process.begin()
        except BaseException:
            if process.pid:  # it runs, and the caller will never know of it: Ctrl-C came between
                call("delete", root=options.root, id=options.id, force=True)
            raise
        return cls(options.id, root=options.root, process=process)

    # ---- find one

    @classmethod
    def find(cls, id: str, *, root: StrPath | None = None) -> Container:
        """The container of this id, whoever has made it. Raises StateError."""
        found = cls(id, root=root)
        operations.state(found.root, found.id)
        return found

    @classmethod
    def list(cls, *, root: StrPath | None = None) -> List[Container]:
        """All containers, in the order of their ids."""
        return [cls(state["id"], root=root) for state in operations.containers(root_of(root))]

    # ---- ask

    @property
    def state(self) -> dict[str, Any]:
        """The state as the spec has it (runtime.md#state), asked from the kernel now."""
        return operations.state(self.root, self.id)

    @property
    def status(self) -> str:
        """creating, created, running, paused or stopped."""
        return str(self.state["status"])

    @property
    def pid(self) -> int:
        """The container's first process as the host sees it; 0 when it has ended."""
        return int(self.state["pid"])

    def processes(self) -> List[int]:
        """The pids of all processes in the container, as the host sees them."""
        return operations.processes(self.root, self.id)

    @property
    def statistics(self) -> dict[str, Any]:
        """What it uses now, as `minirun events` tells it: cpu, memory, pids, blkio and more."""
        (event,) = operations.events(self.root, self.id, None)
        data: dict[str, Any] = event["data"]
        return data

    def stats(self, interval: float = 1.0) -> dict[str, Any]:
        """What it uses, and of how much, as `minirun stats --json` tells it; rates are those of `interval` seconds."""
        watch = operations.watch(self.root, (self.id,))
        watch.look()
        time.sleep(interval)
        found = [plain(usage) for usage in watch.look().containers]
        if not found:
            raise StateError(f"container not running: {self.id}")  # any more
        return dict(found[0])

    # ---- change it

    def start(self) -> None:
        """Let a created container run its program. Where that can't be run, the container is deleted."""
        try:
            call("start", root=self.root, id=self.id)
        finally:
            self._close_if_gone()

    def kill(self, signal: int | str = "TERM", *, all: bool = False) -> None:
        """Send a signal, such as 9, "KILL" or signal.SIGKILL, to the first process or to all of them."""
        word = signal if isinstance(signal, str) else str(int(signal))
        operations.kill(self.root, self.id, word, everything=all)

    def pause(self) -> None:
        """Stop all processes, without their noticing."""
        operations.pause(self.root, self.id)

    def resume(self) -> None:
        """Let them go on."""
        operations.resume(self.root, self.id)

    def update(self, resources: Mapping[str, Any]) -> None:
        """Change the limits, all or none: `resources` is like linux.resources in config.json."""
        call("update", root=self.root, id=self.id, change=dict(resources))

    def delete(self, *, force: bool = False) -> None:
        """Remove what is left of a container that has ended; with `force`, end it first, or don't mind its absence."""
        try:
            if not force or os.path.exists(self._directory):
                call("delete", root=self.root, id=self.id, force=force)
        finally:
            self._close_if_gone()

    def _close_if_gone(self) -> None:
        """A container that is deleted has no process left, nor streams."""
        if self._process and not os.path.exists(self._directory):
            self._process.close()

    # ---- its program

    @property
    def stdin(self) -> IO[Any] | None:
        """The program's, where it was made with subprocess.PIPE."""
        return self._process.stdin if self._process else None

    @property
    def stdout(self) -> IO[Any] | None:
        return self._process.stdout if self._process else None

    @property
    def stderr(self) -> IO[Any] | None:
        return self._process.stderr if self._process else None

    @property
    def returncode(self) -> int | None:
        """The program's exit status, 128 + N where signal N has ended it; None while wait() has not seen it."""
        return self._process.poll() if self._process else None

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for the program's end; its exit status. Raises subprocess.TimeoutExpired.

        The exit status is None for a container that find() or list() has returned: the kernel tells it to the parent of
        a process only (wait(2)).
        """
        if self._process:
            return self._process.wait(timeout)
        wait_for_stranger(books.find(self.root, self.id), timeout)
        return None

    def communicate(self, input: Any = None, timeout: float | None = None) -> tuple[Any, Any]:
        """Send input to the program, read its stdout and stderr, and wait for its end, as subprocess.Popen does."""
        if not self._process:
            raise ValueError("the streams of a program belong to who made the container")
        return self._process.communicate(input, timeout)

    # ---- further programs

    def spawn(self, args: Sequence[str], **how: Unpack[Execution]) -> Process:
        """Run a further program beside the first one; returns when it runs.

        `how` may have: env (in addition to the first one's), cwd, user, additional_gids, capabilities,
        no_new_privileges, selinux_label, apparmor_profile, terminal, pid_file, pidfd_socket, cgroup, ignore_paused; and
        stdin, stdout, stderr, text, encoding, errors and pass_fds, much as for subprocess.Popen.
        """
        refuse_unknown(how, Execution)
        terminal = how.get("terminal", False)
        request = {"root": self.root, "id": self.id, **execution_request(args, how)}
        passed = how.get("pass_fds", ())
        return Process("execute", request, args=args, in_foreground=terminal, pass_fds=passed, **streams(how)).begin()

    def exec(
        self,
        args: Sequence[str],
        *,
        input: Any = None,
        capture_output: bool = False,
        timeout: float | None = None,
        check: bool = False,
        **how: Unpack[Execution],
    ) -> subprocess.CompletedProcess[Any]:
        """Run a further program to its end, as subprocess.run does. `how` is as for spawn()."""
        prepare_streams(how, input, capture_output)
        process = self.spawn(args, **how)
        return complete(process, input, timeout, check)

    # ---- with

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._process:
            self.delete(force=True)

    def __repr__(self) -> str:
        return f"Container({self.id!r})"


def run(
    bundle: Bundle | StrPath,
    args: Sequence[str] | None = None,
    *,
    input: Any = None,
    capture_output: bool = False,
    timeout: float | None = None,
    check: bool = False,
    **how: Unpack[Creation],
) -> subprocess.CompletedProcess[Any]:
    """Run a container to its end, as subprocess.run does, and delete it. `how` is as for Container.run()."""
    prepare_streams(how, input, capture_output)
    process = Container._make(bundle, args, how, keep=False)._process  # which deletes the container at its end
    assert process
    return complete(process, input, timeout, check)


# ---- as subprocess.run has it


def prepare_streams(how: Streams, input: Any, capture_output: bool) -> None:
    """`input` and `capture_output` mean pipes. Raises ValueError where other streams are given as well."""
    if input is not None:
        if "stdin" in how:
            raise ValueError("stdin and input may not both be used")
        how["stdin"] = subprocess.PIPE
    if capture_output:
        if "stdout" in how or "stderr" in how:
            raise ValueError("stdout and stderr may not be used with capture_output")
        how["stdout"] = how["stderr"] = subprocess.PIPE


def complete(process: Process, input: Any, timeout: float | None, check: bool) -> subprocess.CompletedProcess[Any]:
    with process:
        stdout, stderr = process.communicate(input, timeout)
    done = subprocess.CompletedProcess(process.args, process.wait(), stdout, stderr)
    if check:
        done.check_returncode()
    return done


# ---- from Python's values to the operations'


def refuse_unknown(how: Mapping[str, Any], known: type) -> None:
    """What Python does by itself where the names stand in the signature."""
    for name in how:
        if name not in known.__annotations__:
            raise TypeError(f"unexpected keyword argument {name!r}; there are: {', '.join(known.__annotations__)}")


def streams(how: Mapping[str, Any]) -> Streams:
    return {name: how[name] for name in Streams.__annotations__ if name in how}  # type: ignore[return-value]


def wished(bundle: Bundle, args: Sequence[str] | None, how: Creation) -> Bundle:
    """A copy of the bundle with what the caller wants in it."""
    copy = bundle.copy()
    if args is not None:
        copy.process["args"] = list(args)
    if "env" in how:
        copy.process["env"] = [*copy.process.get("env", ()), *pairs(how["env"])]
    copy.process.update((name, how[name]) for name in ("cwd", "terminal") if name in how)
    return copy


def root_of(directory: StrPath | None) -> str:
    """Where the containers' state is: the caller's own place, unless it is given. Raises StateError."""
    return operations.default_root() if directory is None else os.path.abspath(directory)


def pairs(env: Mapping[str, str]) -> List[str]:
    return [f"{name}={value}" for name, value in env.items()]


def creation_options(bundle: Bundle, how: Creation, wait_for_start: bool) -> Options:
    return Options(
        id=operations.checked_id(how.get("id") or operations.new_id()),
        bundle=str(bundle.path),
        root=root_of(how.get("root")),
        no_pivot=how.get("no_pivot", False),
        pid_file=absolute(how.get("pid_file")),
        console_socket=absolute(how.get("console_socket")),
        detach="console_socket" in how,  # otherwise the worker carries the terminal
        wait_for_start=wait_for_start,
        pidfd_socket=absolute(how.get("pidfd_socket")),
        preserve_fds=len(how.get("pass_fds", ())),
        new_keyring=how.get("new_keyring", True),
        cgroup_manager=operations.cgroup_manager(how.get("cgroup_manager", CGROUPFS)),
    )


def execution_request(args: Sequence[str], how: Execution) -> dict[str, Any]:
    wishes = Wishes(
        args=tuple(args),
        cwd=how.get("cwd", ""),
        env=tuple(pairs(how.get("env", {}))),
        user=str(how.get("user", "")),
        additional_gids=tuple(map(str, how.get("additional_gids", ()))),
        capabilities=tuple(how.get("capabilities", ())),
        no_new_privileges=how.get("no_new_privileges", False),
        terminal=how.get("terminal", False),
        selinux_label=how.get("selinux_label", ""),
        apparmor_profile=how.get("apparmor_profile", ""),
    )
    options = {
        "cgroup": how.get("cgroup", ""),
        "pid_file": absolute(how.get("pid_file")),
        "pidfd_socket": absolute(how.get("pidfd_socket")),
        "preserve_fds": len(how.get("pass_fds", ())),
    }
    return {
        "wishes": dict(zip(wishes.fields, wishes.values())),
        "options": options,
        "ignore_paused": how.get("ignore_paused", False),
    }


def absolute(path: StrPath | None) -> str:
    return os.path.abspath(path) if path else ""


def wait_for_stranger(container: books.Container, timeout: float | None) -> None:
    """Wait until a process that is no child of this one has ended: its pidfd becomes readable (pidfd_open(2))."""
    descriptor = container.open_process()
    if descriptor < 0:
        return
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        if not poll.poll(None if timeout is None else timeout * 1000):
            raise subprocess.TimeoutExpired(["minirun", "wait", container.facts["id"]], timeout or 0)
    finally:
        os.close(descriptor)
