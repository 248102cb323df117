"""The program of a hook, from its start to its end."""

from __future__ import annotations

import os
from time import monotonic

from ..kernel import closing, processes, signals
from ..kernel.libc import SystemCallError
from ..record import Record
from .hook_output import hook_output
from .step import Context, Refused

SHORT, LONG = 0.001, 0.02  # seconds between two looks at a hook behind the filter
TOLD = 400  # bytes of what a failed hook wrote


class Program(Record):
    """What a hook runs. `timeout` is in seconds. Without `env` it gets what there is. What it writes goes to the two
    files, or to where it is told from when the hook fails. `directory` is a descriptor of where it begins, -1 for where
    minirun is."""

    path: str
    args: tuple[str, ...]
    env: tuple[str, ...] | None = None
    timeout: int | None = None
    stdout: str = ""
    stderr: str = ""
    directory: int = -1


def run_hook(program: Program, state: bytes, context: Context) -> None:
    """Run it to its end. Raises Refused when it fails, SystemCallError when it can't be executed.

    The state comes as a file in memory: that has an end, and nobody waits if the hook does not read it.
    """
    given, written = memory_file(state), memory_file(b"")
    try:
        run_with(program, given, written, context)
    finally:
        os.close(given)
        os.close(written)


def outputs(program: Program, written: int, context: Context) -> tuple[int, int]:
    """Its standard output and standard error."""
    if not (program.stdout or program.stderr):
        return written, written
    out, err = (hook_output(path, context) if path else written for path in (program.stdout, program.stderr))
    return out, err


def run_with(program: Program, given: int, written: int, context: Context) -> None:
    """The same with open files: what the hook reads, and what it writes to."""
    pid = start(program, (given, *outputs(program, written, context)), context)
    problem = wait(pid, program.timeout, context)
    if problem:
        said = last_words(written)
        raise Refused(f"it {problem}" + (f": {said}" if said else ""), "minirun's part is done: see the hook's own")


def emptied(streams: tuple[int, int]) -> tuple[int, int]:
    """As they were before another hook had them."""
    for descriptor in streams:
        os.lseek(descriptor, 0, os.SEEK_SET)
    os.ftruncate(streams[1], 0)
    return streams


def memory_file(content: bytes) -> int:
    descriptor = os.memfd_create("hook", os.MFD_CLOEXEC)
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def start(program: Program, streams: tuple[int, int, int], context: Context) -> int:
    """Fork and execute. An error of execve(2) comes back over a pipe that a success closes; its number."""
    reading, writing = os.pipe()
    pid = processes.fork()
    if pid == 0:
        become(program, streams, writing, context)
    os.close(writing)
    error = int.from_bytes(os.read(reading, 4), "little")
    os.close(reading)
    if error:
        os.waitpid(pid, 0)
        raise SystemCallError(error, "execve", f'execve("{program.path}", {list(program.args)})')
    return pid


def become(program: Program, streams: tuple[int, int, int], failure: int, context: Context) -> None:
    """The hook's process: nothing of minirun but the three streams. Never returns.

    It has a process group of its own, with which what it has started in turn can be ended, and ends with minirun.
    """
    try:
        os.setpgid(0, 0)
        processes.set_death_signal(signals.SIGKILL)
        for stream, descriptor in enumerate(streams):
            os.dup2(descriptor, stream)
        if program.directory >= 0:
            os.fchdir(program.directory)
        leave_nothing_open(context)
        os.umask(context.umask)
        signals.reset()
        processes.execve(program.path, program.args, variables_of(program.env or ()))
    except OSError as error:
        os.write(failure, (error.errno or 1).to_bytes(4, "little"))
    finally:
        os._exit(127)


def leave_nothing_open(context: Context) -> None:
    """Behind the filter, which may be older than close_range(2), all but the program's are marked already."""
    if context.is_filtered:
        for descriptor in range(3, 3 + context.kept):
            os.close(descriptor)
    else:
        closing.close_on_exec_from(3)


def variables_of(pairs: tuple[str, ...]) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in pairs)


def wait(pid: int, timeout: int | None, context: Context) -> str:
    """Wait for a hook's end, and bring it about when the time is up; what it did wrong, "" if nothing. Raises
    Interrupted, ContainerDied: then there is no hook any more, either."""
    in_time = False
    try:
        in_time = (has_ended_filtered if context.is_filtered else has_ended)(pid, timeout, context)
    finally:
        if not in_time:
            os.killpg(pid, signals.SIGKILL)  # TERM would be a request, which it may not hear
        status = os.waitpid(pid, 0)[1]
    return problem_of(os.waitstatus_to_exitcode(status)) if in_time else f"took longer than its timeout of {timeout} s"


def has_ended(pid: int, timeout: int | None, context: Context) -> bool:
    """Whether it has, in time."""
    process = signals.pidfd_open(pid)
    try:
        return context.channel.wait(context, process, timeout)
    finally:
        os.close(process)


def has_ended_filtered(pid: int, timeout: int | None, context: Context) -> bool:
    """The same by calls that every filter knows: look now and then, and wait for nothing meanwhile."""
    end = monotonic() + (float("inf") if timeout is None else timeout)
    never, other = os.pipe()
    try:
        pause = SHORT
        while not os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if monotonic() >= end:
                return False
            context.channel.wait(context, never, pause)
            pause = min(2 * pause, LONG)
        return True
    finally:
        os.close(never)
        os.close(other)


def problem_of(code: int) -> str:
    if code < 0:
        return f"was killed by {signals.name(-code)}"
    return f"exited with status {code}" if code else ""


def last_words(written: int) -> str:
    size = os.fstat(written).st_size
    return os.pread(written, TOLD, max(0, size - TOLD)).decode(errors="replace").strip()
