"""That the program runs, seen from a process that others may collect at any moment."""

from __future__ import annotations

import os
import signal

import pytest

from minirun.errors import ContainerDied
from minirun.kernel import processes
from minirun.steps.program import SeeProgramRun
from minirun.steps.step import Channel, Context, Log


def context_of(pid: int, start_time: int | None = None) -> Context:
    context = Context(Log(), Channel())
    context.pid, context.start_time = pid, start_time
    return context


def test_a_process_that_is_gone_has_run():
    pid = os.posix_spawn("/bin/true", ["true"], {})
    os.waitpid(pid, 0)
    context = context_of(pid)
    SeeProgramRun().apply(context)
    assert context.program_runs


def test_so_has_one_whose_pid_is_another_processs_by_now(forked):
    context = context_of(forked, start_time=1)
    SeeProgramRun().apply(context)
    assert context.program_runs


def test_one_that_has_not_called_execve_has_not(forked):
    stat = processes.stat_fields(forked)
    assert stat is not None
    with pytest.raises(ContainerDied):
        SeeProgramRun().apply(context_of(forked, processes.start_time(stat)))


@pytest.fixture
def forked():
    """A child that has not called execve(2), and does not."""
    pid = os.fork()
    if pid == 0:
        signal.pause()
    yield pid
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
