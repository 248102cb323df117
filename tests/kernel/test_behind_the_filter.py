"""What minirun calls while the program's system call filter holds already: little, and nothing that is new.

Without noNewPrivileges a filter is loaded while there is still something to be done (seccomp(2)). It knows the calls of
its time, and those that the program needs.
"""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from kernel.kit import needs
from kernel.kit.profiles import ALLOW, ERRNO, NATIVE, STATIC_PROGRAM, allowing, engine_shaped, expand, podmans, rule
from minirun.kernel import libseccomp

if TYPE_CHECKING:
    from pathlib import Path

    from kernel.kit.bundle import Bundle
    from kernel.kit.life import Life

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(platform.machine() not in NATIVE, reason="the tests have no numbers for this machine"),
]

# All that minirun calls behind the filter. What is not here must be done before, or by an older call.
RUN = {"capset", "write", "read", "execve"}
WAIT = {"accept4", "close"}  # beside these, of a container that is created and then started
ENTER = {"clone", "exit_group", "set_robust_list", "gettid", "setsid"}  # beside the first, of exec
TERMINAL = {"ioctl", "dup2", "dup3", "close"}  # beside these, of exec with a terminal
HOOK = {  # beside the first, of startContainer hooks
    *("lseek", "ftruncate", "pipe2", "clone", "close", "waitid", "wait4", "poll", "ppoll", "restart_syscall"),
    *("clock_gettime", "set_robust_list", "gettid", "setpgid", "prctl", "dup2", "dup3", "umask", "rt_sigaction"),
    "rt_sigprocmask",
}
# What the C library and Python may call at any time: for memory, for locks, and for the time where no vdso(7) tells it.
ANY_TIME = {"brk", "mmap", "munmap", "madvise", "futex", "clock_gettime"}


def filtered(made: Bundle, profile: dict[str, Any]) -> Bundle:
    made.linux["seccomp"] = profile
    made.write()
    return made


def hooked(made: Bundle) -> Bundle:
    """With two hooks that read and write."""
    shutil.copy(shutil.which("busybox") or "", made.rootfs / "bin" / "sh")
    hook = {"path": "/bin/sh", "args": ["sh", "-c", "read all; echo told"], "timeout": 10}
    made.config["hooks"] = {"startContainer": [hook, hook]}
    return made


def other_user(made: Bundle) -> Bundle:
    """With all that identity has: user, groups, ambient capabilities; and limits."""
    made.process["user"] = {"uid": 1000, "gid": 1000, "additionalGids": [5, 7], "umask": 0o27}
    made.process["capabilities"] |= {name: ["CAP_KILL"] for name in ("inheritable", "ambient")}
    made.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 100}]
    return made


def terminal(made: Bundle) -> Bundle:
    made.process["terminal"] = True
    return made


def same(made: Bundle) -> Bundle:
    return made


KINDS = {
    "plain": (same, RUN),
    "another user": (other_user, RUN),
    "a terminal": (terminal, RUN),
    "hooks": (hooked, RUN | HOOK),
}


def kinds(*without: str) -> list[Any]:
    marks = {"hooks": needs.static_busybox()}
    return [
        pytest.param(*kind, id=name, marks=marks.get(name, ())) for name, kind in KINDS.items() if name not in without
    ]


# ---- which calls they are, by strace(1)

STRACE = pytest.mark.usefixtures("needs_strace")
TRACING = ("strace", "-f", "-qq", "-e", "signal=none", "-o")
LOADED = re.compile(r"^seccomp\(SECCOMP_SET_MODE_FILTER, .*\{len=")
CALL = re.compile(r"^(\w+)\(")


@pytest.fixture
def needs_strace() -> None:
    if shutil.which("strace") is None:
        pytest.skip("needs the program strace")


def behind(log: Path) -> set[str]:
    """The calls from the filter's on to execve(2), of the process that has loaded it, and of those it has forked: these
    have other pids for themselves, so all that is forked by then counts until it has become a program."""
    filtered: set[str] = set()
    calls: set[str] = set()
    seen: set[str] = set()
    for line in log.read_text().splitlines():
        pid, said = line.split(maxsplit=1)
        if LOADED.match(said) or (filtered and pid not in seen):
            filtered.add(pid)
        elif pid in filtered and (found := CALL.match(said)):
            calls.add(found[1])
        seen.add(pid)
        if pid in filtered and said.startswith("execve("):
            filtered.discard(pid)
    return calls


def traced(words: list[str], log: Path) -> set[str]:
    done = subprocess.run(
        [*TRACING, str(log), *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    return behind(log)


@pytest.mark.only("minirun", "its own calls")
@STRACE
@pytest.mark.parametrize(("change", "wanted"), kinds())
def test_the_calls_of_run(runtime, bundle, place, change, wanted):
    made = filtered(change(bundle("exit", "0")), allowing(rule("getsid", action=ERRNO)))
    calls = traced(runtime.command(made, f"{place.name}-run"), place / "log")
    assert {"capset", "execve"} <= calls <= wanted | ANY_TIME


@pytest.mark.only("minirun", "its own calls")
@STRACE
@pytest.mark.parametrize(("change", "wanted"), kinds("a terminal"))
def test_the_calls_of_create_and_start(life, place, change, wanted):
    one: Life = life("exit", "0")
    filtered(change(one.bundle), allowing(rule("getsid", action=ERRNO)))
    log = place / "log"
    options = ["--bundle", str(one.bundle.path), one.id]
    words = [*TRACING, str(log), *one.runtime.argv, "create", *options]
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as tracing:
        one.wait_for(lambda: one.call("state").status == 0 and one.status == "created")
        assert one.start().status == 0
        assert tracing.wait(60) == 0
    assert {"capset", "accept4", "execve"} <= behind(log) <= wanted | WAIT | ANY_TIME


@pytest.mark.only("minirun", "its own calls")
@STRACE
@pytest.mark.parametrize(("options", "wanted"), [([], RUN | ENTER), (["--tty"], RUN | ENTER | TERMINAL)])
def test_the_calls_of_exec(life, place, options, wanted):
    one: Life = life("sleep")
    filtered(one.bundle, allowing(rule("getsid", action=ERRNO)))
    one.started()
    words = [*one.runtime.argv, "exec", *options, one.id, "/probe", "exit", "0"]
    assert {"clone", "execve"} <= traced(words, place / "log") <= wanted | ANY_TIME


# ---- and nothing else is needed: what is not listed kills

KILL = "SCMP_ACT_KILL_PROCESS"


def killing(*calls: str, action: str = KILL) -> dict[str, Any]:
    """Nothing but these, and what a small static program calls by itself."""
    names = set(STATIC_PROGRAM.split()) | set(calls) | ANY_TIME
    return {"defaultAction": action, "syscalls": [rule(*sorted(names))]}


@pytest.mark.only("minirun", "others call more after the filter")
@pytest.mark.parametrize(("change", "wanted"), kinds("hooks"))
def test_a_run_needs_no_other(runtime, bundle, change, wanted):
    assert runtime.run(filtered(change(bundle("exit", "7")), killing(*wanted))).status == 7


@pytest.mark.only("minirun", "others call more after the filter")
@pytest.mark.parametrize("more", [(), WAIT], ids=["not even to wait", "waiting"])
def test_create_and_start_need_no_other(life, more):
    """A profile that was made by watching a program in another runtime need not have what minirun waits by."""
    one: Life = life("sleep")
    filtered(one.bundle, killing(*RUN, *more, "pause", "nanosleep", "clock_nanosleep"))
    one.started()
    status = one.process.status()
    assert (status["Seccomp"], int(status["CapEff"], 16) & 1 << needs.CAPABILITIES["CAP_SYS_ADMIN"]) == ("2", 0)


@pytest.mark.only("minirun", "others call more after the filter")
@pytest.mark.parametrize("more", [(), ENTER], ids=["not even to enter", "entering"])
def test_an_exec_needs_no_other(life, more):
    one: Life = life("sleep")
    filtered(one.bundle, killing(*RUN, *more, "pause", "nanosleep", "clock_nanosleep"))
    one.started()
    assert one.call("exec", "/probe", "exit", "7").status == 7


def test_while_it_waits_it_has_no_more_than_the_program_will(life):
    one: Life = life("sleep")
    filtered(one.bundle, allowing(rule("getsid", action=ERRNO)))
    status = one.created().process.status()
    assert (status["Seccomp"], status["CapEff"]) == ("2", status["CapPrm"])
    assert not int(status["CapEff"], 16) & 1 << needs.CAPABILITIES["CAP_SYS_ADMIN"]


# ---- profiles of other years

# The largest number of x86-64 that a profile of these years could have (asm/unistd_64.h); a machine with a table of its
# own has the same calls in about the same order.
YEARS = {"2015": 325, "2018": 334, "2020": 438, "2015, and one more": 325}


def aged(profile: dict[str, Any], largest: int) -> dict[str, Any]:
    """What was left of it then."""
    x86_64 = libseccomp.seccomp_arch_resolve_name("x86_64")

    def is_old(name: str) -> bool:
        return 0 <= libseccomp.seccomp_syscall_resolve_name_arch(x86_64, name) <= largest

    rules = [one | {"names": [name for name in one["names"] if is_old(name)]} for one in profile["syscalls"]]
    kept = [one for one in rules if one["names"] and one["action"] == ALLOW]
    return profile | {"syscalls": kept, "defaultAction": ERRNO, "defaultErrnoRet": 1}


@pytest.fixture(params=["of the same shape", "podman"])
def engines(request) -> dict[str, Any]:
    found = podmans() if request.param == "podman" else engine_shaped()
    if found is None:
        pytest.skip("podman's profile is not to be had here")
    return found


@pytest.fixture(params=YEARS)
def old(request, engines) -> dict[str, Any]:
    """The profile with what was known in that year; where the list is a short one, with what long ones have."""
    profile = aged(expand(engines), YEARS[request.param])
    more = ["accept4", "pause", "nanosleep", "kill", *sorted(HOOK)]
    if "one more" in request.param:  # what is between does exist for the profile's author, and is refused by EPERM
        more.append("futex_waitv")
    return profile | {"syscalls": [*profile["syscalls"], rule(*more)]}


@pytest.mark.parametrize("change", [same, other_user])
def test_an_old_profile_runs_a_program(runtime, bundle, old, change):
    made = filtered(change(bundle("exit", "7")), old)
    made.process["args"][0] = "probe"  # looked for in PATH
    made.process["env"] = ["PATH=/bin:/"]
    assert runtime.run(made).status == 7


@needs.static_busybox()
def test_an_old_profile_with_hooks(life, old):
    one: Life = life("sleep")
    filtered(hooked(one.bundle), old)
    one.started()


@pytest.mark.parametrize("options", [[], ["--user", "1000:1000"]])
def test_an_old_profile_and_exec(life, old, options):
    one: Life = life("sleep")
    filtered(one.bundle, old)
    one.started()
    assert one.call("exec", "/probe", "exit", "7", options=options).status == 7


@pytest.mark.only("minirun", "others don't hear of it")
@needs.static_busybox()
@pytest.mark.parametrize("no_new_privs", [False, True])
@pytest.mark.parametrize("line", ["exit 3", "sleep 100"], ids=["fails", "takes too long"])
def test_a_hook_behind_an_old_profile_that_goes_wrong(life, old, line, no_new_privs):
    one: Life = life("sleep")
    hooked(one.bundle).config["hooks"]["startContainer"][1] = {
        "path": "/bin/sh",
        "args": ["sh", "-c", line],
        "timeout": 1,
    }
    one.bundle.process["noNewPrivileges"] = no_new_privs
    filtered(one.bundle, old)
    one.created()
    refused = one.start()
    assert refused.status == 1 and {"exit 3": "status 3", "sleep 100": "timeout"}[line] in refused.stderr
