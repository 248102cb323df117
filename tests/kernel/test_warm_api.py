"""The template that a Python program's containers are forked from (minirun/api/template.py): nobody sees a difference,
nothing stays behind, and nobody gets rights from it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

import minirun
from kernel.kit import needs
from kernel.kit.host import nothing_left
from kernel.kit.library import script, small_bundle, wait_until
from kernel.kit.life import has_ended
from kernel.kit.outside import children
from kernel.kit.runtime import REPOSITORY, TIMEOUT, new_id
from minirun import Bundle, Container
from minirun.api import warm
from minirun.api.process import environment
from minirun.api.warm import template
from minirun.kernel.processes import has_executed, stat_fields

pytestmark = [
    pytest.mark.root,
    pytest.mark.only("minirun", "its own interface for Python"),
    needs.cgroup2(),
    needs.static_busybox(),
    needs.clone(),  # without it each worker is started, as tests/kernel/test_api.py has it
]

HEAD = """
import ctypes, gc, os, pathlib, resource, signal, subprocess, sys, threading, time
import minirun
from minirun.api import warm
from minirun.api.process import environment
from minirun.api.warm import template
bundle = sys.argv[1]

def once():
    return minirun.run(bundle, ["true"], stdin=subprocess.DEVNULL).returncode
"""


@pytest.fixture(autouse=True)
def no_traces(runtime):
    with nothing_left("minirun"):
        yield
        template.close()


@pytest.fixture
def small(place) -> Bundle:
    return small_bundle(place)


def told_by(lines: str, bundle: Bundle, *words: object, **more) -> str:
    """What a program says, which ends well, and without a warning of Python's."""
    prefix = ("env", "PYTHONWARNINGS=error", "PYTHONDEVMODE=1")
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with script(HEAD + lines, bundle.path, *words, folder=bundle.path, prefix=prefix, **streams, **more) as program:
        output, errors = program.communicate(timeout=3 * TIMEOUT)
    assert (program.returncode, errors) == (0, ""), errors
    return output


def worker_of(container: Container) -> int:
    return container._process.popen.pid


# ---- a worker that is forked


def test_a_worker_is_a_child_of_the_callers_that_has_started_no_program(small):
    with Container.run(small) as container:
        worker = worker_of(container)
        stat = stat_fields(worker)
        assert not has_executed(stat)
        assert [int(field) for field in stat[1:4]] == [os.getpid(), worker, os.getsid(0)]
        assert worker in children(os.getpid())
    assert has_ended(worker)


def test_the_interpreter_is_as_far_out_of_reach_as_that_of_a_started_one(small, monkeypatch):
    """CVE-2019-5736: what /proc/PID/exe leads to, and whether that can be written to (runtime/seal.py)."""

    def interpreter(pid):
        return os.readlink(f"/proc/{pid}/exe"), os.statvfs(f"/proc/{pid}/exe").f_flag

    with Container.run(small) as container:
        found = {interpreter(pid) for pid in (worker_of(container), template.process.pid)}
    monkeypatch.setattr(warm, "IS_KNOWN", False)
    with Container.run(small) as container:
        assert found == {interpreter(worker_of(container))}
    assert interpreter("self") not in found


IMPORTS = """
import sys
sys.path.append(sys.argv[2])
from minirun.api import template, worker
from minirun.operations import new_id
from minirun.plan.container import Options
from minirun.runtime.log import Log
template.get_ready()
known = set(sys.modules)
with open(sys.argv[1] + "/config.json") as file:
    options = {"id": new_id(), "bundle": sys.argv[1], "root": sys.argv[1] + "/root"}
    worker.run_bundle({"options": options, "config": file.read(), "keep": False}, Log(), print)
print(*sorted(set(sys.modules) - known))
"""


def test_it_imports_nothing_that_the_template_has_not(small):
    """Or each container would pay for it."""
    small.process["args"] = ["true"]
    small.write()
    words = [sys.executable, "-I", "-S", "-c", IMPORTS, str(small.path), str(REPOSITORY)]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()[1:]) == (0, [""]), done


# ---- what a worker inherits

# What a worker has from its parent, and the umask of its program, as it has one of its own.
TRAITS = """
LINES = ("Uid", "Gid", "Groups", "SigIgn", "SigBlk", "Cap", "NoNewPrivs", "Seccomp", "Cpus_allowed", "PPid", "Name")
FILES = ("limits", "cgroup", "oom_score_adj", "coredump_filter", "personality", "attr/current", "timerslack_ns")

def look(container):
    pid = container._process.popen.pid
    status = [line for line in text(pid, "status").splitlines() if line.startswith(LINES)]
    umask = [line for line in text(container.pid, "status").splitlines() if line.startswith("Umask")]
    links = [os.readlink(f"/proc/{pid}/{name}") for name in ("cwd", "root", "fd/0", "fd/1", "fd/2")]
    spaces = [os.readlink(f"/proc/{pid}/ns/{name}") for name in sorted(os.listdir("/proc/self/ns"))]
    asked = [os.getpriority(os.PRIO_PROCESS, pid), os.sched_getscheduler(pid), os.getsid(pid), disks(pid)]
    return [*status, *umask, *links, *spaces, *asked, *(text(pid, name) for name in FILES)]

def text(pid, name):
    try:
        with open(f"/proc/{pid}/{name}") as file:
            return file.read()
    except OSError as error:
        return str(error)

def disks(pid):
    return ctypes.CDLL(None).syscall(252 if os.uname().machine == "x86_64" else 31, 1, pid)

def of_worker():
    try:
        with minirun.Container.run(bundle, ["sleep", "600"], stdin=subprocess.DEVNULL) as container:
            return look(container)
    except minirun.MinirunError as error:
        return [str(error)]

once()
first, told = template.process.pid, os.dup(1)
exec(sys.argv[2])
forked, last = of_worker(), template.process and template.process.pid
warm.IS_KNOWN = False
started = of_worker()
os.dup2(told, 1)
print([pair for pair in zip(forked, started) if pair[0] != pair[1]], len(forked), len(started))
print("same" if last == first else "another")
"""

CHANGES = {
    "nothing": ("same", ""),
    "its directory": ("same", "os.chdir('/usr')"),
    "its directory, which is gone": ("same", "os.mkdir('/run/gone'); os.chdir('/run/gone'); os.rmdir('/run/gone')"),
    "its standard output": ("same", "os.dup2(os.open('/dev/zero', os.O_WRONLY), 1)"),
    "a limit": ("another", "resource.setrlimit(resource.RLIMIT_NOFILE, (500, 1000))"),
    "its umask": ("another", "os.umask(0o77)"),
    "its niceness": ("another", "os.nice(5)"),
    "its scheduler": ("another", "os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))"),
    "its processors": ("another", "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})"),
    "its priority with disks": (
        "another",
        "ctypes.CDLL(None).syscall(251 if os.uname().machine == 'x86_64' else 30, 1, 0, 2 << 13 | 6)",
    ),
    "its timers": ("another", "ctypes.CDLL(None).prctl(29, 123456, 0, 0, 0)"),
    "its personality": ("another", "ctypes.CDLL(None).personality(0x0040000)"),
    "its place when memory is short": ("another", "pathlib.Path('/proc/self/oom_score_adj').write_text('77')"),
    "a signal that it ignores": ("another", "signal.signal(signal.SIGHUP, signal.SIG_IGN)"),
    "its groups": ("another", "os.setgroups([7, 8])"),
    "its session": ("another", "os.setsid()"),
    "its network": ("another", "ctypes.CDLL(None).unshare(0x40000000)"),
    "its mounts": ("another", "ctypes.CDLL(None).unshare(0x20000)"),
    "its capabilities": ("another", "ctypes.CDLL(None).prctl(24, 25, 0, 0, 0)"),
    "whether it can get rights": ("another", "ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)"),
}


@pytest.mark.parametrize(("template_is", "change"), CHANGES.values(), ids=CHANGES)
def test_a_forked_one_has_what_the_caller_has_now_as_a_started_one_has(small, template_is, change):
    del small.process["rlimits"]  # the change of limits would be above them
    small.write()
    differences, template_was = told_by(TRAITS, small, change).splitlines()
    assert (differences.split()[0], template_was) == ("[]", template_is), differences
    assert int(differences.split()[1]) > 1, differences


def test_the_environment_is_the_callers_of_now():
    """Also what is no text."""
    here = {"A": "b", "NOT_TEXT": os.fsdecode(b"\xff\n")}
    lines = (
        "import json, os, sys; from minirun.api.worker import take_environment as take; take(json.load(sys.stdin)); "
    )
    lines += "os.execv('/usr/bin/env', ['env', '-0'])"
    before = dict(os.environ)
    try:
        os.environ.clear()
        os.environ.update(here)
        asked = json.dumps(environment())
    finally:
        os.environ.clear()
        os.environ.update(before)
    done = subprocess.run([sys.executable, "-X", "utf8", "-c", lines], cwd=REPOSITORY, input=asked.encode(), stdout=-1)
    assert sorted(done.stdout.split(b"\0")) == [b"", b"A=b", b"NOT_TEXT=\xff\n"]


def test_who_becomes_an_ordinary_user_has_its_rights_only(small):
    """Its containers are refused, as they would be had it been one from the beginning."""
    lines = """
once()
os.setresuid(1000, 1000, 0)
for known in (warm.IS_KNOWN, False):
    warm.IS_KNOWN = known
    try:
        once()
    except minirun.MinirunError as error:
        print(type(error).__name__, str(error).partition(":")[0])
os.setresuid(0, 0, 0)
warm.IS_KNOWN = True
print(once(), bool(template.process))
"""
    refused, refused_too, *rest = told_by(lines, small).splitlines()
    assert refused == refused_too
    assert rest == ["0 True"]  # root again, with a template again


# ---- rights that it has, and nobody else


STOLEN = """
once()
end, directory = template.end, os.open("/", os.O_PATH)
there = socket.socketpair()
process = os.pidfd_open(template.process.pid)
def steal():
    wish = f"run {threading.get_native_id()} {own_traits()}"
    try:
        end.send(wish.encode(), (there[1].fileno(), directory, 0, 1, 2))
        return end.receive()[0]
    except OSError as error:
        return error.errno
def has_ended():
    return bool(select.select([process], [], [], 30)[0])
"""

THIEVES = {
    "a caller that has given up its user": "os.setresuid(65534, 65534, 65534)",
    "a caller that has given up a capability": "ctypes.CDLL(None).prctl(24, 25, 0, 0, 0)",
    "a caller that gets no rights any more": "ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)",
    "a caller with another root directory": "os.chroot('/usr')",
}


@pytest.mark.parametrize("change", THIEVES.values(), ids=THIEVES)
def test_rights_that_are_given_up_can_not_be_had_from_it(small, change):
    lines = "import select, socket; from minirun.api.template import own_traits" + STOLEN
    lines += f"{change}\nprint(steal(), has_ended(), flush=True)\nos._exit(0)"
    assert told_by(lines, small) == "b'' True\n"


def test_a_child_of_the_caller_gets_nothing_from_it(small):
    """One that the caller has forked holds the socket. Even with all the caller's rights it is somebody else."""
    lines = "import select, socket; from minirun.api.template import own_traits" + STOLEN
    lines += """
copy = os.dup(end.fileno())
if os.fork() == 0:
    from minirun.kernel.sockets import MessageSocket
    end = MessageSocket.of(copy)
    print(template.end, steal(), has_ended(), flush=True)
    os._exit(0)
os.wait()
print(once())
os.close(copy)
[each.close() for each in there]
"""
    assert told_by(lines, small) == "None b'' True\n0\n"


# ---- its life


def test_it_is_gone_with_the_caller_and_the_container_is_not(small):
    """Even where a child of the caller lives on, which holds what the caller held."""
    lines = """
once()
container = minirun.Container.run(bundle, id=sys.argv[2])
child = os.fork() or time.sleep(600)
print(template.process.pid, container._process.popen.pid, child, flush=True)
time.sleep(600)
"""
    name = new_id()
    with script(HEAD + lines, small.path, name, folder=small.path, stdout=subprocess.PIPE) as program:
        started, worker, child = map(int, program.stdout.readline().split())
        assert not has_ended(started)
        program.kill()
        wait_until(lambda: has_ended(started))
        assert not has_ended(worker)
        os.kill(child, signal.SIGKILL)
    assert Container.find(name).status == "running"
    Container(name).delete(force=True)
    wait_until(lambda: has_ended(worker))


def test_one_that_was_killed_is_replaced(small):
    assert minirun.run(small, ["true"]).returncode == 0
    killed = template.process.pid
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: has_ended(killed))
    assert minirun.run(small, ["true"]).returncode == 0
    assert template.process.pid != killed


def test_whoever_closes_all_descriptors_keeps_the_files_that_get_their_numbers(small):
    """As daemons do. Sockets, since who read from them by mistake would wait for ever, and who wrote would be heard."""
    lines = """
import socket
once()
first = template.process.pid
os.closerange(3, 100)
pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(5)]
print(once(), template.process.pid != first, pathlib.Path(f"/proc/{first}").exists())
os.closerange(3, 100)
again = [end for ends in pairs for end in ends]
[end.detach() for end in again]
pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(5)]
child = os.fork()
if child == 0:
    os._exit(once() or sum(end.fileno() != os.dup2(end.fileno(), end.fileno()) for ends in pairs for end in ends))
print(os.waitpid(child, 0)[1])
template.close()
for one, other in pairs:
    one.send(b"mine")
    assert other.recv(100) == b"mine"
    one.close()
    other.close()
"""
    assert told_by(lines, small) == "0 True False\n0\n"


def test_a_child_by_fork_has_one_of_its_own(small):
    lines = """
once()
first = template.process.pid
child = os.fork()
if child == 0:
    print(once(), template.process.pid != first, flush=True)
    sys.exit(0)
print(os.waitpid(child, 0)[1], once(), template.process.pid == first)
"""
    assert told_by(lines, small) == "0 True\n0 0 True\n"


def test_a_thread_of_a_child_can_fork_and_a_copy_of_the_socket_holds_up_nobody(small):
    """A copy as one has that was forked by something which is not Python."""
    lines = """
once()
copy = os.dup(template.end.fileno())
os.set_inheritable(copy, True)
holder = subprocess.Popen(["sleep", "600"], close_fds=False)
def fork():
    child = os.fork()
    if child == 0:
        print(once(), flush=True)
        template.close()
        os._exit(0)
    os.waitpid(child, 0)
child = os.fork()
if child == 0:
    thread = threading.Thread(target=fork)
    thread.start()
    thread.join()
    os._exit(0)
os.waitpid(child, 0)
template.close()
holder.kill()
print(holder.wait())
os.close(copy)
"""
    assert told_by(lines, small) == "0\n-9\n"


def test_threads_share_it(small):
    lines = """
told = []
def some():
    told.extend(once() for _ in range(5))
threads = [threading.Thread(target=some) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(told == [0] * 20, len(children()))
"""
    assert told_by(CHILDREN + lines, small) == "True 1\n"


CHILDREN = """
def children():
    lists = pathlib.Path("/proc/self/task").glob("*/children")
    return [pid for each in lists for pid in each.read_text().split()]
"""


def test_a_hundred_containers_leave_as_much_as_one(small):
    lines = """
once()
before = children(), os.listdir("/proc/self/fd"), os.listdir(f"/proc/{template.process.pid}/fd")
for _ in range(100):
    once()
print((children(), os.listdir("/proc/self/fd"), os.listdir(f"/proc/{template.process.pid}/fd")) == before)
"""
    assert told_by(CHILDREN + lines, small) == "True\n"


def test_an_interruption_at_any_time_leaves_nothing(small):
    """Ctrl-C, which becomes an exception wherever the caller is just then."""
    lines = """
import warnings
warnings.simplefilter("ignore", ResourceWarning)  # of a Popen that was interrupted

def interrupt(*_):
    raise KeyboardInterrupt
signal.signal(signal.SIGALRM, interrupt)
interrupted = 0
for number in range(30):
    once()
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.0004 * (number + 1))
        minirun.run(bundle, ["true"], stdin=subprocess.DEVNULL, root=bundle + "/root")
    except KeyboardInterrupt:
        interrupted += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
print(interrupted > 10, once(), minirun.Container.list(root=bundle + "/root"))
while set(children()) != {str(template.process.pid)}:
    gc.collect()
    subprocess.run(["true"])  # collects what an interrupted Popen has left
"""
    assert told_by(CHILDREN + lines, small) == "True 0 []\n"


def test_the_exit_status_is_told_where_nobody_waits_for_children(small):
    lines = """
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print([minirun.run(bundle, ["sh", "-c", f"exit {number}"], stdin=-3).returncode for number in (0, 7)])
"""
    assert told_by(lines, small) == "[0, 7]\n"


def test_a_python_that_starts_children_otherwise(small, monkeypatch):
    monkeypatch.setattr(warm, "IS_KNOWN", False)
    with Container.run(small) as container:
        assert has_executed(stat_fields(worker_of(container)))
        assert template.process is None
