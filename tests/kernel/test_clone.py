"""clone(2): a process that begins in its cgroup and its pid namespace, and what is done where it can't be had."""

from __future__ import annotations

import errno
import os
import platform
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kernel.kit import needs
from kernel.kit.outside import Process, cgroup2_root
from kernel.kit.runtime import REPOSITORY, TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Callable

    from kernel.kit.bundle import Bundle
    from kernel.kit.life import Life
    from kernel.kit.runtime import Runtime

pytestmark = pytest.mark.root
OWN = pytest.mark.only("minirun", "it is about how minirun does it")


PYTHONS = [
    found
    for name in (sys.executable, "/usr/bin/python3", "python3.12", "python3.13")
    if (found := shutil.which(name)) and not subprocess.run([found, "-c", ""], capture_output=True).returncode
]

# ---- Python's process, cloned

CHILD = """
import os, sys, _thread
sys.path.insert(0, sys.argv[1])
from minirun.kernel.clone import clone
from minirun.kernel.constants import CLONE_NEWPID

seen = []
os.register_at_fork(before=lambda: seen.append("before"), after_in_child=lambda: seen.append("child"),
                    after_in_parent=lambda: seen.append("parent"))
told, tells = os.pipe()
pid, pidfd = clone(CLONE_NEWPID if sys.argv[2] == "new" else 0)
if pid:
    os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOWAIT)
    print(*seen, os.read(told, 1000).decode(), os.WTERMSIG(os.waitpid(pid, 0)[1]))
else:
    import signal, subprocess, threading

    got = []
    signal.signal(signal.SIGUSR1, lambda *_: got.append("signal"))
    signal.raise_signal(signal.SIGUSR1)  # to the thread whose id the C library knows
    thread = threading.Thread(target=got.append, args=("thread",))
    thread.start()
    thread.join()
    got.append(subprocess.run(["echo", "child's child"], capture_output=True, text=True).stdout.strip())
    own = os.getpid() == _thread.get_native_id() == int(os.readlink("/proc/thread-self").split("/")[-1])
    same = sys.argv[2] == "new" and os.getpid() == 1 or own
    os.write(tells, " ".join([*seen, str(pidfd), str(same), *got]).encode())
    os.kill(os.getpid(), signal.SIGKILL) if sys.argv[2] == "own" else os.abort()
"""


@needs.clone()
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize(("namespace", "death"), [("own", signal.SIGKILL), ("new", signal.SIGSEGV)])
def test_the_child_is_as_after_fork(python: str, namespace: str, death: int) -> None:
    """abort(3) in a first process of a pid namespace is not heeded, so it ends itself in another way."""
    command = [python, "-I", "-c", CHILD, str(REPOSITORY), namespace]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert done.stdout.strip() == f"before parent before child -1 True signal thread child's child {death}", done.stderr


OTHER_LIBRARY = """
import ctypes, errno, os, sys
sys.path.insert(0, sys.argv[1])
from minirun.kernel.clone import clone
from minirun.kernel.libc import SystemCallError

lock = ctypes.c_int(0)
ctypes.CDLL(None).syscall({number}, ctypes.byref(lock))  # set_tid_address(2)
try:
    clone(0)
except SystemCallError as error:
    print(errno.errorcode[error.errno], lock.value)
"""


@needs.clone()
def test_where_the_c_library_keeps_something_else_for_the_kernel_to_write_it_stays_as_it_is() -> None:
    number = {"x86_64": 218, "aarch64": 96}[platform.machine()]
    command = [sys.executable, "-I", "-c", OTHER_LIBRARY.format(number=number), str(REPOSITORY)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert (done.stdout, done.stderr) == ("ENOSYS 0\n", "")


# ---- a container where the call is refused

# seccomp(2): this call, by its number (and its first argument), fails; all others are let through.
REFUSE = """
import os, struct, sys
sys.path.insert(0, sys.argv[1])
from minirun.kernel.seccomp import set_mode_filter

number, argument, error = map(int, sys.argv[2:5])
LOAD, EQUALS, RETURN, ALLOW, ERRNO = 0x20, 0x15, 0x06, 0x7FFF0000, 0x00050000
lines = [(LOAD, 0, 0, 0), (EQUALS, 0, 3, number), (LOAD, 0, 0, 16), (EQUALS, 0, 1, argument)]
if argument < 0:
    lines = [(LOAD, 0, 0, 0), (EQUALS, 0, 1, number)]
lines += [(RETURN, 0, 0, ERRNO | error), (RETURN, 0, 0, ALLOW)]
set_mode_filter(b"".join(struct.pack("=HBBI", *line) for line in lines), 0)
os.execvp(sys.argv[5], sys.argv[5:])
"""
CLONE3, PRCTL, PR_GET_TID_ADDRESS = 435, {"x86_64": 157, "aarch64": 167}.get(platform.machine(), 0), 40

REFUSED = {
    "no such call": (CLONE3, -1, errno.ENOSYS),
    "forbidden": (CLONE3, -1, errno.EPERM),
    "no CONFIG_CHECKPOINT_RESTORE": (PRCTL, PR_GET_TID_ADDRESS, errno.EINVAL),
}


def refusing(what: str) -> list[str]:
    return [sys.executable, "-c", REFUSE, str(REPOSITORY), *map(str, REFUSED[what])]


@OWN
@needs.cgroup2()
@pytest.mark.parametrize("what", REFUSED)
def test_a_container_is_the_same(life: Callable[..., Life], place: Path, what: str) -> None:
    hook = {"path": "/bin/sh", "args": ["sh", "-c", f"readlink /proc/self/ns/pid > {place / 'hook'}"]}
    one = life(hooks={"createRuntime": [hook], "poststop": [hook]})
    one.runtime.argv, argv = [*refusing(what), *one.runtime.argv], one.runtime.argv
    try:
        one.started()
        seen = one.call("exec", "/probe").json
    finally:
        one.runtime.argv = argv
    assert one.process.status()["NSpid"].split()[1:] == ["1"]
    assert one.process.cgroup() == f"/minirun/{one.id}" == seen_cgroup(one)
    assert seen["namespaces"]["pid"] == one.process.namespace("pid")
    assert (place / "hook").read_text().strip() == os.readlink("/proc/self/ns/pid"), "the runtime stays where it was"


def seen_cgroup(one: Life) -> str:
    """Of a further process."""
    file = one.bundle.path / "further"
    assert one.call("exec", "/probe", "sleep", options=["--detach", "--pid-file", str(file)]).status == 0
    return Process(file.read_text()).cgroup()


@OWN
@pytest.mark.parametrize("what", REFUSED)
def test_root_of_a_user_namespace_forks_as_well(runtime: Runtime, bundle: Callable[..., Bundle], what: str) -> None:
    """As for an engine without root. It may not enter the pid namespace from which it comes (pid_namespaces(7))."""
    prefix = [*refusing(what), "unshare", "--user", "--map-root-user", "--mount"]
    done = runtime.run(bundle(), options=["--narrate"], prefix=prefix)
    assert done.json["pid"] == 1
    assert "by fork(2)" in done.stderr


@OWN
@needs.clone()
def test_it_is_told_which_way_it_went(runtime: Runtime, bundle: Callable[..., Bundle]) -> None:
    made, prefixes = bundle(), ([], refusing("no such call"))
    ways = [runtime.run(made, options=["--narrate"], prefix=prefix) for prefix in prefixes]
    assert ["by fork(2)" in way.stderr for way in ways] == [False, True]


@OWN
def test_a_namespace_that_nobody_is_in_yet_has_no_other_below_it(
    runtime: Runtime, bundle: Callable[..., Bundle]
) -> None:
    refused = runtime.run(bundle(), prefix=["unshare", "--pid"])
    assert refused.refused and "unshare --pid --fork" in refused.stderr, refused


# ---- nothing of it is outside


@OWN
@needs.clone()
@needs.cgroup2()
@needs.controller("pids")
@pytest.mark.parametrize("namespaces", ["with a pid namespace", "without one"])
def test_a_limit_holds_for_what_joins(life: Callable[..., Life], namespaces: str) -> None:
    """A process that is moved into a cgroup counts, but is not stopped by a limit that is reached (cgroups(7))."""
    one = life()
    if namespaces == "without one":
        one.bundle.without_namespace("pid")
    one.bundle.linux["resources"] = {"pids": {"limit": 1}}
    one.bundle.write()
    one.started()
    refused = one.call("exec", "/probe")
    assert refused.status == 255 and "pids.max of the cgroup" in refused.stderr, refused
    assert "clone3(" in refused.stderr
    root = cgroup2_root()
    assert root
    assert (root / f"minirun/{one.id}/cgroup.procs").read_text().split() == [str(one.process.pid)]


@OWN
@needs.cgroup2()
def test_what_is_handed_in_may_be_a_device_that_the_container_may_not_open(life: Callable[..., Life]) -> None:
    """As a console is, from which exec is called."""
    one = life().started()
    words = [*one.runtime.argv, "exec", one.id, "/probe"]
    with open("/dev/kmsg") as device:
        done = subprocess.run(words, stdin=device, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert done.returncode == 0, done.stderr
