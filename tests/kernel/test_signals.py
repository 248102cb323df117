"""A signal to `run` is meant for the container: whoever started it knows no other process."""

from __future__ import annotations

import os
import signal
import time

import pytest

from kernel.kit.outside import is_zombie

pytestmark = pytest.mark.root

PASSED_ON = ("SIGHUP", "SIGINT", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGCONT", "SIGTERM")


@pytest.mark.deviates("runc", "passes on the SIGURG, too, by which its own scheduler works")
def test_signals_are_passed_on_to_the_program(runtime, bundle):
    with runtime.running(bundle("wait")) as container:
        for name in PASSED_ON:
            os.kill(container.runtime.pid, getattr(signal, name))
            assert container.line() == name
        assert container.wait() == 0  # the probe ends with SIGTERM


def test_a_program_that_takes_its_time_after_sigterm_is_waited_for(runtime, bundle):
    with runtime.running(bundle("sleep")) as container:
        os.kill(container.runtime.pid, signal.SIGTERM)  # which process 1 without a handler does not even get
        time.sleep(0.3)
        assert container.runtime.poll() is None
        assert container.proc.exists()


def test_a_signal_that_kills_the_program_is_in_the_exit_status(runtime, bundle):
    made = bundle("sleep")
    made.without_namespace("pid")
    with runtime.running(made) as container:
        os.kill(container.runtime.pid, signal.SIGUSR1)
        assert container.wait() == 128 + signal.SIGUSR1


def test_the_program_can_be_stopped_and_continued(runtime, bundle):
    """Nothing of that ends the runtime: it waits for the end of the program, not for any change of it."""
    with runtime.running(bundle("wait")) as container:
        os.kill(container.pid, signal.SIGSTOP)
        time.sleep(0.2)
        assert container.runtime.poll() is None
        os.kill(container.pid, signal.SIGCONT)
        os.kill(container.runtime.pid, signal.SIGUSR1)
        while (said := container.line()) != "SIGUSR1":
            assert said == "SIGCONT"


def test_the_rest_of_the_container_dies_with_its_first_process(runtime, bundle, place):
    """pid_namespaces(7): the kernel sees to that where the container has a PID namespace."""
    with runtime.running(bundle("sleep")) as first:
        second = bundle("sleep", name="second")
        second.namespace("pid", f"/proc/{first.pid}/ns/pid")
        with runtime.running(second) as other:
            os.kill(first.pid, signal.SIGKILL)
            assert first.wait() == other.wait() == 137
            assert not other.proc.exists() or is_zombie(other.host_pid)
