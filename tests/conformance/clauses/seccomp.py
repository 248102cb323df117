"""config-linux.md#seccomp: seccomp(2)."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import select
import socket
from typing import TYPE_CHECKING, Any

from ..machine import needs_kernel
from ..suite import Broken, NotTestable, clause, expect, expect_true

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ..container import Container

SECCOMP = "config-linux.md#seccomp"
STATE = "config-linux.md#the-container-process-state"
SIGSYS = 31

# asm/unistd_64.h, asm-generic/unistd.h. copy_file_range(2) has six arguments; EBADF comes before it looks at most.
NUMBERS = {
    "x86_64": {"getsid": 124, "getpgid": 121, "copy_file_range": 326},
    "aarch64": {"getsid": 156, "getpgid": 155, "copy_file_range": 285},
}
NATIVE = {"x86_64": "SCMP_ARCH_X86_64", "aarch64": "SCMP_ARCH_AARCH64"}
ODD, ODD_NAME = 42, "ENOMSG"  # an errno that the calls don't answer with by themselves


def number(name: str) -> int:
    if platform.machine() not in NUMBERS:
        raise NotTestable(f"the suite has no numbers of system calls for {platform.machine()}")
    return NUMBERS[platform.machine()][name]


def rule(name: str, action: str = "SCMP_ACT_ERRNO", **more: Any) -> dict[str, Any]:
    return {"names": [name], "action": action, **more}


def allow_but(container: Container, *rules: dict[str, Any], **more: Any) -> None:
    container.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": list(rules), **more}


def answers(container: Container, *calls: object) -> list[str]:
    """The errors of these system calls; "" for success."""
    return [answer["error"] for answer in container.look("call", *map(str, calls)).values()]


def must_be_refused(container: Container, why: str) -> None:
    container.must_be_refused(why)


# ---- the default

DEFAULT = "`defaultAction` (string, REQUIRED) - the default action for seccomp."


@clause(SECCOMP, DEFAULT)
def the_default_action(container: Container) -> None:
    """With the rule for everything else the other way round: this container can't do without most of its calls."""
    allow_but(container, rule("getpgid"))
    expect("getsid and getpgid", answers(container, number("getsid"), number("getpgid")), ["", "EPERM"])


@clause(SECCOMP, DEFAULT)
def a_default_action_that_is_missing(container: Container) -> None:
    container.linux["seccomp"] = {"syscalls": [rule("getsid")]}
    must_be_refused(container, "defaultAction is missing")


INVALID = "Runtimes MUST generate an error when invalid or unsupported values are encountered."


@clause("config.md#valid-values", INVALID, each=("defaultAction", "action", "op", "index", "architectures", "flags"))
def a_filter_that_makes_no_sense(container: Container, place: str) -> None:
    condition = {"index": 0, "value": 0, "op": "SCMP_CMP_EQ"}
    allow_but(container, entry := rule("getsid", args=[condition]))
    seccomp = container.linux["seccomp"]
    nonsense: dict[str, tuple[dict[str, Any], object]] = {
        "defaultAction": (seccomp, "SCMP_ACT_NONSENSE"),
        "action": (entry, "SCMP_ACT_NONSENSE"),
        "op": (condition, "SCMP_CMP_NONSENSE"),
        "index": (condition, 6),
        "architectures": (seccomp, ["SCMP_ARCH_NONSENSE"]),
        "flags": (seccomp, ["SECCOMP_FILTER_FLAG_NONSENSE"]),
    }
    holder, value = nonsense[place]
    holder[place] = value
    must_be_refused(container, f"{place} is {value}")


ERRNO_FAILS = "When the action doesn't support an errno, the runtime MUST print and error and fail."


@clause(SECCOMP, ERRNO_FAILS)
def a_default_errno_for_an_action_that_has_none(container: Container) -> None:
    allow_but(container, rule("getsid"), defaultErrnoRet=ODD)
    must_be_refused(container, "SCMP_ACT_ALLOW has no errno")


@clause(SECCOMP, ERRNO_FAILS)
def an_errno_for_an_action_that_has_none(container: Container) -> None:
    allow_but(container, rule("getsid", "SCMP_ACT_KILL", errnoRet=ODD))
    must_be_refused(container, "SCMP_ACT_KILL has no errno")


@clause(SECCOMP, "If not specified its default value is `EPERM`.")
def an_errno_that_is_not_specified(container: Container) -> None:
    allow_but(container, rule("getsid"))
    expect("getsid", answers(container, number("getsid")), ["EPERM"])


@clause(SECCOMP, "`errnoRet` (uint, OPTIONAL) - the errno return code to use.")
def an_errno(container: Container) -> None:
    allow_but(container, rule("getsid", errnoRet=ODD))
    expect("getsid", answers(container, number("getsid")), [ODD_NAME])


# ---- rules

ACTION = "`action` (string, REQUIRED) - the action for seccomp rules."
KILLING = ("SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_TRAP")


@clause(SECCOMP, ACTION, each=KILLING)
def an_action_that_kills(container: Container, action: str) -> None:
    allow_but(container, rule("getsid", action))
    result = container.run("call", str(number("getsid")))
    expect("the exit status", result.status, 128 + SIGSYS)


@clause(SECCOMP, ACTION, each=(("SCMP_ACT_LOG", ""), ("SCMP_ACT_TRACE", "ENOSYS"), ("SCMP_ACT_ERRNO", "EPERM")))
def an_action_that_answers(container: Container, row: tuple[str, str]) -> None:
    """A call that nobody traces does not exist: seccomp(2), SECCOMP_RET_TRACE."""
    action, error = row
    allow_but(container, rule("getsid", action))
    expect(f"getsid with {action}", answers(container, number("getsid")), [error])


@clause(SECCOMP, "`names` MUST contain at least one entry.")
def a_rule_without_names(container: Container) -> None:
    allow_but(container, {"names": [], "action": "SCMP_ACT_ERRNO"})
    must_be_refused(container, "names has no entry")


BIG = 2**40 + 7
OP = "`op` (string, REQUIRED) - the operator for syscall arguments in seccomp."
OPERATORS = {  # the mask or value, valueTwo, a value that meets it, one that does not
    "SCMP_CMP_NE": (BIG, 0, BIG + 1, BIG),
    "SCMP_CMP_LT": (BIG, 0, BIG - 1, BIG),
    "SCMP_CMP_LE": (BIG, 0, BIG, BIG + 1),
    "SCMP_CMP_EQ": (BIG, 0, BIG, BIG + 2**32),
    "SCMP_CMP_GE": (BIG, 0, BIG, BIG - 1),
    "SCMP_CMP_GT": (BIG, 0, BIG + 1, BIG),
    "SCMP_CMP_MASKED_EQ": (0xFF, 0x0B, 0x70B, 0x10A),
}


@clause(SECCOMP, OP, each=OPERATORS)
def an_operator(container: Container, op: str) -> None:
    value, value_two, met, unmet = OPERATORS[op]
    condition = {"index": 4, "value": value, "valueTwo": value_two, "op": op}
    allow_but(container, rule("copy_file_range", errnoRet=ODD, args=[condition]))
    call = f"{number('copy_file_range')}:-1:0:-1:0:"
    expect(f"{met:#x} and {unmet:#x}", answers(container, f"{call}{met}", f"{call}{unmet}"), [ODD_NAME, "EBADF"])


@clause(SECCOMP, "`index` (uint, REQUIRED) - the index for syscall arguments in seccomp.", each=range(6))
def an_index(container: Container, index: int) -> None:
    value = 2**63 + 5
    condition = {"index": index, "value": value, "op": "SCMP_CMP_EQ"}
    allow_but(container, rule("copy_file_range", errnoRet=ODD, args=[condition]))
    words = [str(number("copy_file_range")), "-1", "0", "-1", "0", "0", "0"]
    words[index + 1] = str(value)
    expect(f"argument {index}", answers(container, ":".join(words)), [ODD_NAME])


# ---- architectures and flags

ARCHITECTURES = "`architectures` (array of strings, OPTIONAL) - the architecture used for system calls."
X32 = 0x40000000  # __X32_SYSCALL_BIT, asm/unistd.h


@clause(SECCOMP, ARCHITECTURES)
def the_native_architecture_is_listed(container: Container) -> None:
    getsid = number("getsid")
    allow_but(container, rule("getsid"), architectures=[NATIVE[platform.machine()]])
    expect("getsid", answers(container, getsid), ["EPERM"])


@clause(SECCOMP, ARCHITECTURES)
def another_architecture_is_listed(container: Container) -> None:
    """The kernel asks the filter even about calls that it does not have itself."""
    if platform.machine() != "x86_64":
        raise NotTestable("needs an x86-64 machine")
    allow_but(container, rule("getsid"), architectures=["SCMP_ARCH_X86_64", "SCMP_ARCH_X32"])
    expect("getsid of x32", answers(container, X32 | number("getsid")), ["EPERM"])


# Of the byte order of x86-64, which libseccomp wants of all architectures of a filter: seccomp_arch_add(3).
LITTLE_ENDIAN = (
    *("X86", "X86_64", "X32", "ARM", "AARCH64", "MIPSEL", "MIPSEL64", "MIPSEL64N32"),
    *("PPC64LE", "RISCV64"),
)


@clause(SECCOMP, "A valid list of constants as of libseccomp v2.5.0 is shown below.")
def every_architecture_is_known(container: Container) -> None:
    if platform.machine() not in NATIVE:
        raise NotTestable(f"the suite does not know the byte order of {platform.machine()}")
    allow_but(container, rule("getsid"), architectures=[f"SCMP_ARCH_{name}" for name in LITTLE_ENDIAN])
    expect("getsid", answers(container, number("getsid")), ["EPERM"])


FLAGS = "`flags` (array of strings, OPTIONAL) - list of flags to use with seccomp(2)."


@clause(SECCOMP, FLAGS, each=("TSYNC", "LOG", "SPEC_ALLOW"))
def a_flag_of_the_filter(container: Container, name: str) -> None:
    allow_but(container, rule("getsid"), flags=[f"SECCOMP_FILTER_FLAG_{name}"])
    expect("getsid", answers(container, number("getsid")), ["EPERM"])


# ---- the listener

LISTENER = (
    "`listenerPath` (string, OPTIONAL) - specifies the path of UNIX domain socket over which the runtime will send the "
    "container process state data structure when the `SCMP_ACT_NOTIFY` action is used."
)


class Agent:
    """Takes what is sent and closes it, so that the kernel answers ENOSYS for it (seccomp_unotify(2))."""

    def __init__(self, server: socket.socket) -> None:
        self.server = server

    def received(self) -> tuple[bytes, int]:
        """Everything of the first connection, and how many descriptors came."""
        if not select.select([self.server], [], [], 10)[0]:
            raise Broken("the runtime did not connect to listenerPath")
        connection, _ = self.server.accept()
        with connection:
            connection.settimeout(10)
            said, descriptors, _, _ = socket.recv_fds(connection, 1 << 16, 8)
            while more := connection.recv(1 << 16):
                said += more
        for descriptor in descriptors:
            os.close(descriptor)
        return said, len(descriptors)


@contextlib.contextmanager
def agent(container: Container) -> Iterator[Agent]:
    needs_kernel(5, 5)
    path: Path = container.place / "agent"
    allow_but(container, rule("getsid", "SCMP_ACT_NOTIFY"), listenerPath=str(path))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(path))
        server.listen()
        yield Agent(server)


def told(container: Container) -> tuple[dict[str, Any], int]:
    """The container process state, from a program that does nothing special: the agent reads it afterwards."""
    with agent(container) as listening:
        container.linux["seccomp"]["listenerMetadata"] = "any words"
        container.config["annotations"] = {"org.example": "yes"}
        result = container.run("exit", "0")
        if result.status != 0:
            raise Broken(f"the runtime refused the container (status {result.status}): {result.last_words}")
        said, descriptors = listening.received()
        return json.loads(said), descriptors


@clause(SECCOMP, LISTENER)
def the_listener_is_sent(container: Container) -> None:
    state, descriptors = told(container)
    expect("the names of the descriptors, and their number", (state["fds"], descriptors), (["seccompFd"], 1))


@clause(SECCOMP, FLAGS)
def a_flag_of_the_listener(container: Container) -> None:
    """SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV means nothing without one: seccomp(2)."""
    needs_kernel(5, 19)
    with agent(container) as listening:
        container.linux["seccomp"]["flags"] = ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]
        result = container.run("exit", "0")
        expect_true(f"the runtime takes the flag ({result.last_words})", result.status == 0)
        listening.received()


@clause(SECCOMP, "If sending to this socket fails, the runtime MUST generate an error.")
def nobody_listens(container: Container) -> None:
    allow_but(container, rule("getsid", "SCMP_ACT_NOTIFY"), listenerPath=str(container.place / "nobody"))
    must_be_refused(container, "nobody listens at listenerPath")


@clause(SECCOMP, "If the `SCMP_ACT_NOTIFY` action is not used this value is ignored.")
def a_listener_path_without_a_use(container: Container) -> None:
    allow_but(container, rule("getsid"), listenerPath=str(container.place / "nobody"))
    expect("getsid", answers(container, number("getsid")), ["EPERM"])


@clause(SECCOMP, "The runtime MUST send exactly one container process state per connection.")
def one_state_for_a_connection(container: Container) -> None:
    state, _ = told(container)  # json.loads would refuse a second one
    expect_true("the message is an object", isinstance(state, dict))


@clause(SECCOMP, "The connection MUST NOT be reused and it MUST be closed after sending a seccomp state.")
def the_connection_is_closed(container: Container) -> None:
    """While the container runs: its end would close everything."""
    with agent(container) as listening, container.running():
        connection, _ = listening.server.accept()
        with connection:
            _, descriptors, _, _ = socket.recv_fds(connection, 1 << 16, 8)
            os.close(descriptors[0])
            is_readable = select.select([connection], [], [], 2)[0]
            expect_true("the connection is closed", is_readable and connection.recv(1) == b"")


@clause(SECCOMP, "This field MUST NOT be set if `listenerPath` is not set.")
def metadata_without_a_listener(container: Container) -> None:
    allow_but(container, rule("getsid"), listenerMetadata="any words")
    must_be_refused(container, "listenerMetadata is set without listenerPath")


@clause(SECCOMP, "This string will be sent as the `metadata` field in the container process state.")
def the_metadata(container: Container) -> None:
    state, _ = told(container)
    expect("metadata", state.get("metadata"), "any words")


@clause(STATE, "`state` (state, REQUIRED) is the state of the container.")
def the_state_that_the_agent_gets(container: Container) -> None:
    state, _ = told(container)
    found = {name: state["state"].get(name) for name in ("id", "status", "bundle")}
    expect("the state", found, {"id": container.id, "status": "creating", "bundle": str(container.bundle)})
    expect("its annotations", (state["state"].get("annotations") or {}).get("org.example"), "yes")


@clause(STATE, "`pid` (int, REQUIRED) is the container process ID, as seen by the runtime.")
def the_pid_that_the_agent_gets(container: Container) -> None:
    state, _ = told(container)
    expect_true("the pid is that of a process outside, not 1", state["pid"] > 1)
    expect("the pid in the state", state["state"]["pid"], state["pid"])


@clause(STATE, "`ociVersion` (string, REQUIRED) is version of the Open Container Initiative Runtime Specification")
def the_version_that_the_agent_gets(container: Container) -> None:
    state, _ = told(container)
    expect_true("ociVersion is a version", str(state.get("ociVersion", "")).startswith("1."))
