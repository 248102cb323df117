"""`from minirun import Bundle, Container`: what the kernel shows of it, and that the caller stays as it is."""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import os
import signal
import subprocess
from pathlib import Path

import pytest

import minirun
from kernel.kit import needs
from kernel.kit.host import nothing_left
from kernel.kit.library import script, small_bundle, wait_until
from kernel.kit.life import has_ended
from kernel.kit.outside import Process, cgroup2_root, children
from kernel.kit.runtime import TIMEOUT, new_id
from minirun import Bundle, Container
from minirun.api.warm import template

pytestmark = [
    pytest.mark.root,
    pytest.mark.only("minirun", "its own interface for Python"),
    needs.cgroup2(),
    needs.static_busybox(),
]

PIPES = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
CAPTURED = {"capture_output": True, "text": True}


@pytest.fixture(autouse=True)
def no_traces(runtime):
    """Of every test here. The template stays as long as the program, unless it is told to end."""
    with nothing_left("minirun"):
        yield
        template.close()


@pytest.fixture
def small(place) -> Bundle:
    return small_bundle(place)


# ---- a container from its beginning to its end


def test_three_lines_start_a_container_and_end_it(small):
    with Container.run(small) as container:
        assert Process(container.pid).text("cmdline") == "sleep\x00600\x00"
        assert Process(container.pid).namespace("uts") != Process().namespace("uts")
        pid = container.pid
    assert has_ended(pid)
    with pytest.raises(minirun.StateError, match="does not exist"):
        container.state  # noqa: B018


def test_state_is_as_the_command_line_has_it(small, runtime):
    with Container.run(small, id=new_id()) as container:
        told = subprocess.run([*runtime.argv, "state", container.id], capture_output=True, env=runtime.environment)
        assert container.state == json.loads(told.stdout)
        assert container.state["bundle"] == str(small.path)
        assert container.status == "running"


def test_a_created_container_waits_for_start(small):
    with Container.create(small, ["sh", "-c", "echo here; exit 7"], **PIPES) as container:
        assert container.status == "created"
        assert container.returncode is None
        container.start()
        assert container.communicate() == ("here\n", "")
        assert container.returncode == 7
        assert container.status == "stopped"


def test_what_the_caller_wants_stands_for_what_the_bundle_says(small):
    told = minirun.run(small, ["sh", "-c", "pwd; echo $COLOUR; id -u"], cwd="/tmp", env={"COLOUR": "blue"}, **CAPTURED)
    assert told.stdout == "/tmp\nblue\n0\n"
    assert small.process["args"] == ["sleep", "600"]


def test_the_config_of_that_moment_counts(small):
    small.config["hostname"] = "only-here"
    assert minirun.run(small, ["hostname"], **CAPTURED).stdout == "only-here\n"
    assert json.loads((small.path / "config.json").read_text())["hostname"] == "minirun"
    small.write()
    assert minirun.run(small.path, ["hostname"], **CAPTURED).stdout == "only-here\n"


def test_a_file_of_the_host_shows_in_the_container(small, place):
    (place / "data").mkdir()
    small.bind(place / "data", "/tmp")
    small.bind(place / "data", "/proc/../dev/data", read_only=True)
    done = minirun.run(small, ["sh", "-c", "echo it > /tmp/here; cat /dev/data/here; echo > /dev/data/x"], **CAPTURED)
    assert (place / "data" / "here").read_text() == "it\n"
    assert done.stdout == "it\n"
    assert "Read-only" in done.stderr


def test_two_at_a_time_from_one_bundle(small):
    with Container.run(small) as one, Container.run(small) as two:
        assert {one.id, two.id} <= {container.id for container in Container.list()}
        assert one.pid != two.pid


# ---- streams and exit status, as subprocess has them


def test_streams_as_of_subprocess_run(small):
    done = minirun.run(small, ["sh", "-c", "cat; echo oh >&2; exit 3"], input="word", **CAPTURED)
    assert (done.returncode, done.stdout, done.stderr) == (3, "word", "oh\n")
    assert minirun.run(small, ["cat"], input=b"\xff\0", capture_output=True).stdout == b"\xff\0"
    both = minirun.run(
        small, ["sh", "-c", "echo a; echo b >&2"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert both.stdout == "a\nb\n"


def test_descriptors_come_in_the_order_of_the_list(small):
    """Whatever numbers they have here: also those of the others, and of the worker's own. One may come twice, or be a
    standard stream, which the program has all the same."""
    with contextlib.ExitStack() as stack:
        pipes = [os.pipe() for _ in range(3)]
        for end in itertools.chain(*pipes):
            stack.callback(os.close, end)
        passed = [writing for _, writing in reversed(pipes)]
        line = "for n in 3 4 5 6 7 1; do echo $n >&$n; done"
        twice = [*passed, passed[0], 1]
        done = minirun.run(small, ["sh", "-c", line], pass_fds=twice, capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (0, "7\n1\n"), done.stderr
        told = [os.read(reading, 10) for reading, _ in reversed(pipes)]
        with Container.run(small, ["sleep", "600"]) as container:
            container.exec(["sh", "-c", "echo again >&3"], pass_fds=[pipes[1][1]], check=True)
        assert (told, os.read(pipes[1][0], 10)) == ([b"3\n6\n", b"4\n", b"5\n"], b"again\n")


def test_a_talk_with_the_program(small):
    with Container.run(small, ["sh"], stdin=subprocess.PIPE, **PIPES) as container:
        for number in ("1", "2"):
            container.stdin.write(f"echo got {number}\n")
            container.stdin.flush()
            assert container.stdout.readline() == f"got {number}\n"
        container.stdin.close()
        assert container.wait(TIMEOUT) == 0


def test_a_terminal(small):
    done = minirun.run(small, ["sh", "-c", "test -t 0 && test -t 1 && echo yes"], terminal=True, input="", **CAPTURED)
    assert done.stdout == "yes\n"


def test_a_signals_number_is_in_the_exit_status(small):
    with Container.run(small) as container:
        container.kill(signal.SIGKILL)
        assert container.wait(TIMEOUT) == 128 + signal.SIGKILL


def test_check_and_timeout(small):
    with pytest.raises(subprocess.CalledProcessError) as caught:
        minirun.run(small, ["sh", "-c", "exit 5"], check=True)
    assert (caught.value.returncode, caught.value.cmd) == (5, ["sh", "-c", "exit 5"])
    with pytest.raises(subprocess.TimeoutExpired):
        minirun.run(small, timeout=0.2)
    with Container.run(small) as container, pytest.raises(subprocess.TimeoutExpired):
        container.wait(0.1)


# ---- operations


def test_signals_by_number_and_name(small):
    trap = "trap 'echo usr1' USR1; trap 'echo term; exit 9' TERM; echo ready; while :; do sleep 0.05; done"
    with Container.run(small, ["sh", "-c", trap], **PIPES) as container:
        assert container.stdout.readline() == "ready\n"
        container.kill("USR1")
        assert container.stdout.readline() == "usr1\n"
        container.kill(int(signal.SIGTERM))
        assert container.wait(TIMEOUT) == 9
        with pytest.raises(minirun.StateError, match="not running"):
            container.kill()
        with pytest.raises(minirun.StateError, match="unknown signal"):
            container.kill("NONE")


def test_pause_and_resume(small):
    with Container.run(small) as container:
        container.pause()
        assert container.status == "paused"
        container.resume()
        assert container.status == "running"


@pytest.mark.machine
@needs.controller("pids")
def test_other_limits_and_what_is_used(small):
    with Container.run(small) as container:
        container.update({"pids": {"limit": 7}})
        limit = Path(f"{cgroup2_root()}{Process(container.pid).cgroup()}/pids.max")
        assert limit.read_text() == "7\n"
        assert container.statistics["pids"] == {"current": 1, "limit": 7}


def test_an_update_of_nothing_that_is_there(place):
    with pytest.raises(minirun.StateError):
        Container("nobody", root=place).update({"pids": {"limit": 7}})


def test_delete_wants_a_stopped_container_or_force(small):
    container = Container.run(small)
    with pytest.raises(minirun.StateError, match="not stopped") as caught:
        container.delete()
    assert "kill" in caught.value.cure
    container.delete(force=True)
    assert container.returncode == 137
    container.delete(force=True)
    with pytest.raises(minirun.StateError):
        container.delete()


def test_a_container_of_the_command_line_is_found(small, runtime):
    name = new_id()
    words = [*runtime.argv, "run", "--detach", "--bundle", str(small.path), name]
    subprocess.run(words, check=True, env=runtime.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    with Container.find(name) as container:
        assert container.exec(["hostname"], **CAPTURED).stdout == "minirun\n"
        with pytest.raises(subprocess.TimeoutExpired):
            container.wait(0.1)
    assert container.status == "running"  # who finds a container does not own it
    pid = container.pid
    container.kill("KILL")
    assert container.wait(TIMEOUT) is None
    wait_until(lambda: has_ended(pid))
    container.delete()


def test_what_there_is_not_is_not_found(place):
    with pytest.raises(minirun.StateError, match="does not exist"):
        Container.find("nobody")
    with pytest.raises(minirun.StateError, match="invalid"):
        Container.find("../etc")
    assert Container.list(root=place / "nowhere") == []


def test_a_state_directory_of_ones_own(small, place):
    with Container.run(small, root=place / "state", id="one"):
        assert [container.id for container in Container.list(root=place / "state")] == ["one"]
        assert "one" not in [container.id for container in Container.list()]
    assert not (place / "state").exists()


# ---- further programs


def test_exec_has_the_streams_and_the_exit_status(small):
    with Container.run(small) as container:
        done = container.exec(["sh", "-c", "cat; exit 4"], input="in", **CAPTURED)
        assert (done.returncode, done.stdout, done.stderr, done.args) == (4, "in", "", ["sh", "-c", "cat; exit 4"])
        with pytest.raises(subprocess.CalledProcessError):
            container.exec(["sh", "-c", "exit 4"], check=True)


def test_exec_in_other_circumstances(small):
    with Container.run(small, env={"A": "1"}) as container:
        words = ["sh", "-c", "pwd; id -u; id -g; echo $A$B"]
        told = container.exec(words, cwd="/tmp", user="1000:100", env={"B": "2"}, **CAPTURED)
        assert told.stdout == "/tmp\n1000\n100\n12\n"
        assert container.exec(["sh", "-c", "id -u; test -t 1"], user=7, terminal=True, **CAPTURED).stdout == "7\n"


def test_a_further_program_beside_the_first(small):
    with Container.run(small) as container, container.spawn(["cat"], stdin=subprocess.PIPE, **PIPES) as cat:
        assert sorted(container.processes()) == sorted([container.pid, cat.pid])
        assert Process(cat.pid).text("cmdline") == "cat\x00"
        assert cat.poll() is None
        assert cat.communicate("to and fro") == ("to and fro", "")
        assert cat.returncode == 0
        with container.spawn(["sleep", "600"]) as sleep:
            sleep.kill()
            assert sleep.wait(TIMEOUT) == 137


def test_a_further_program_that_takes_too_long_is_ended(small):
    with Container.run(small) as container:
        with pytest.raises(subprocess.TimeoutExpired):
            container.exec(["sleep", "600"], timeout=0.2)
        wait_until(lambda: container.processes() == [container.pid])


# ---- failures


def test_an_error_is_the_steps_own(small):
    small.config["mounts"].append({"destination": "/tmp", "type": "none-such", "source": "none"})
    with pytest.raises(minirun.StepError, match="ENODEV") as caught:
        Container.run(small)
    assert caught.value.pointer == f"/mounts/{len(small.config['mounts']) - 1}"
    assert caught.value.call.startswith("mount(")
    assert "/proc/filesystems" in caught.value.cure


def test_a_config_that_is_wrong(small):
    small.process["user"]["uid"] = -1
    with pytest.raises(minirun.ConfigError) as caught:
        Container.run(small)
    assert (caught.value.pointer, caught.value.found) == ("/process/user/uid", "found -1")
    assert [(one.level, one.pointer) for one in small.validate()] == [("error", "/process/user/uid")]


@pytest.mark.parametrize("make", [Container.run, minirun.run])
def test_a_program_that_is_not_there(small, make):
    with pytest.raises(minirun.StepError, match="not found in") as caught:
        make(small, ["none-such"])
    assert caught.value.pointer == "/process/args/0"


def test_a_program_that_is_not_there_at_start(small):
    small.config["hooks"] = {"startContainer": [{"path": "/bin/none-such"}]}
    container = Container.create(small)
    with pytest.raises(minirun.StepError):
        container.start()
    assert container.returncode is not None  # gone, and collected


def test_a_further_program_that_is_not_there(small):
    with Container.run(small) as container, pytest.raises(minirun.StepError, match="not found in"):
        container.exec(["none-such"])


def test_an_id_that_is_taken(small):
    with Container.run(small) as container:
        with pytest.raises(minirun.StepError, match="already exists"):
            Container.run(small, id=container.id)
        assert container.status == "running"


def test_nothing_is_said_on_the_callers_streams(small, capfd):
    with pytest.raises(minirun.StepError):
        minirun.run(small, ["none-such"])
    with Container.run(small) as container, pytest.raises(minirun.StateError):
        container.start()
    assert capfd.readouterr() == ("", "")


def test_warnings_and_steps_go_to_logging(small, caplog):
    small.config["hooks"] = {"poststop": [{"path": "/bin/false"}]}
    with caplog.at_level(logging.INFO, "minirun"):
        minirun.run(small, ["true"])
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    with caplog.at_level(logging.DEBUG, "minirun"):
        minirun.run(small, ["true"])
    assert any("pivot_root(2)" in record.message for record in caplog.records)


# ---- the caller's own process


THREADS = """
import sys, threading, minirun
stop, told = threading.Event(), []

def busy():
    while not stop.is_set():
        print("…", file=sys.stderr, flush=True)

def one(number):
    told.append(int(minirun.run(sys.argv[1], ["echo", str(number)], capture_output=True).stdout))

noise = threading.Thread(target=busy)
noise.start()
workers = [threading.Thread(target=one, args=[number]) for number in range(6)]
for thread in workers:
    thread.start()
for thread in workers:
    thread.join()
stop.set()
noise.join()
print(sorted(told))
"""


def test_a_caller_with_threads(small, place):
    """Some start containers at the same time, while another holds the lock of a stream again and again."""
    (small.rootfs / "bin" / "echo").symlink_to("busybox")
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with script(THREADS, small.path, folder=place, **streams) as program:
        assert program.communicate(timeout=3 * TIMEOUT)[0] == "[0, 1, 2, 3, 4, 5]\n"


def test_the_callers_process_stays_as_it_is(small):
    def traits() -> list[object]:
        umask = os.umask(0)
        os.umask(umask)
        handlers = [signal.getsignal(number) for number in signal.valid_signals()]
        return [umask, handlers, signal.pthread_sigmask(signal.SIG_BLOCK, ()), os.getcwd(), Process().text("comm")]

    minirun.run(small, ["true"])  # from the first on there is a template
    before, open_files, processes = traits(), os.listdir("/proc/self/fd"), children(os.getpid())
    with Container.create(small) as container:
        container.start()
        container.exec(["true"])
        container.kill("KILL", all=True)
        container.wait()
    assert traits() == before
    assert os.listdir("/proc/self/fd") == open_files
    assert children(os.getpid()) == processes


INTERRUPTED = """
import sys, minirun
bundle = minirun.Bundle(sys.argv[1])
bundle.config["hooks"] = {"createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", sys.argv[2]]}]}
try:
    minirun.Container.run(bundle)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_nothing_is_left_of_a_set_up_that_ctrl_c_has_interrupted(small, place):
    with script(
        INTERRUPTED, small.path, f"touch {place}/mark; sleep 600", folder=place, stdout=subprocess.PIPE
    ) as program:
        wait_until((place / "mark").exists)
        program.send_signal(signal.SIGINT)
        assert program.communicate(timeout=TIMEOUT)[0] == "interrupted\n"


INTERRUPTED_END = """
import sys, minirun
bundle = minirun.Bundle(sys.argv[1])
bundle.config["hooks"] = {"poststop": [{"path": "/bin/sh", "args": ["sh", "-c", sys.argv[2]]}]}
try:
    with minirun.Container.run(bundle):
        pass
except KeyboardInterrupt:
    print("interrupted")
"""


def test_nothing_is_left_when_ctrl_c_comes_at_the_end(small, place):
    command = f"touch {place}/mark; sleep 0.5; touch {place}/other"
    with script(INTERRUPTED_END, small.path, command, folder=place, stdout=subprocess.PIPE) as program:
        wait_until((place / "mark").exists)
        program.send_signal(signal.SIGINT)
        assert program.communicate(timeout=TIMEOUT)[0] == "interrupted\n"
    assert (place / "other").exists()


LEFT_ALONE = """
import os, signal, sys, time, minirun

was_heard = []

def heard(*_):
    time.sleep(0.5)  # long enough for a container that has heard it, too
    os.write(1, f"heard {container.status}\\n".encode())  # print() could be in the middle of its own line
    was_heard.append(True)

program = ["sh", "-c", "trap 'exit 5' INT; while :; do sleep 0.05; done"]
with minirun.Container.run(sys.argv[1], program) as container:
    signal.signal(signal.SIGINT, heard)
    print("ready", flush=True)
    while not was_heard:  # instead of a read(2), which a signal that comes just before it does not end
        time.sleep(0.05)
"""


def test_ctrl_c_is_the_callers_and_not_the_containers(small, place):
    """A terminal, and a notebook's “interrupt”, send it to the whole process group."""
    with script(LEFT_ALONE, small.path, folder=place, stdout=subprocess.PIPE, process_group=0) as program:
        assert program.stdout.readline() == "ready\n"
        os.killpg(program.pid, signal.SIGINT)
        assert program.stdout.readline() == "heard running\n"
        assert program.wait(TIMEOUT) == 0


STOLEN = """
import pathlib, sys, minirun
from minirun import Container
pathlib.Path(__file__).with_name("json.py").write_text("import os; os.mkdir(os.path.dirname(__file__) + '/stolen')")
print(minirun.run(sys.argv[1], ["hostname"], capture_output=True, text=True).stdout)
"""


def test_a_module_beside_the_callers_program_is_not_taken_for_pythons(small, place):
    (place / "folder").mkdir()
    with script(STOLEN, small.path, folder=place / "folder", stdout=subprocess.PIPE, cwd=place / "folder") as program:
        assert program.communicate(timeout=TIMEOUT)[0] == "minirun\n\n"
    assert not (place / "folder" / "stolen").exists()


CLOSED = """
import os, sys, minirun
for number in (0, 1, 2):
    os.close(number)
minirun.run(sys.argv[1], ["sh", "-c", "ls -l /proc/self/fd >/tmp/fds"], check=True)
"""


def test_a_caller_without_standard_streams(small, place):
    """A daemon's. The program gets /dev/null, not a file of minirun's that happens to have the number."""
    (small.rootfs / "bin" / "ls").symlink_to("busybox")
    small.config["root"]["readonly"] = False
    small.write()
    with script(CLOSED, small.path, folder=place) as program:
        assert program.wait(TIMEOUT) == 0
    shown = (small.rootfs / "tmp" / "fds").read_text()
    assert shown.count("/dev/null") == 2, shown  # 1 is the file itself


@needs.program("setpriv")
def test_who_may_not_is_told_what_it_takes(small, place):
    program = (
        "import sys, minirun\ntry: minirun.run(sys.argv[1])\nexcept minirun.StateError as error: print(error.cure)"
    )
    prefix = ("setpriv", "--bounding-set=-sys_admin")
    with script(program, small.path, folder=place, prefix=prefix, stdout=subprocess.PIPE) as process:
        assert "sudo" in process.communicate(timeout=TIMEOUT)[0]
