"""config.json's /annotations -> what crun(1) has annotations for, and the specification no property.

Podman passes them on (`--annotation`), and sets some itself. A runtime MUST NOT fail because of an annotation that it
does not know (config.md#annotations); those here are known, so that one with a wrong value is an error.
"""

from __future__ import annotations

from binascii import Error, a2b_base64, b2a_base64

from .config import EXTENSION, Config, Extensions, Linux, TimeOffset
from .config_rare import Seccomp
from .reader import Node

CONTEXTS = ("context", "fscontext", "defcontext", "rootcontext")  # mount(8), "Filesystem-independent mount options"
CLOCKS = {"1": "monotonic", "7": "boottime"}  # clock_gettime(2); time_namespaces(7) takes either
INSTRUCTION_SIZE, MOST_INSTRUCTIONS = 8, 4096  # of a filter: linux/filter.h, and BPF_MAXINSNS of linux/bpf_common.h
WHOLE = "0123456789"

KEEP_GROUPS = EXTENSION + "keep_original_groups"
HOOKS_STDOUT, HOOKS_STDERR = EXTENSION + "hooks.stdout", EXTENSION + "hooks.stderr"
PIDFD_RECEIVER = EXTENSION + "pidfd_receiver"
DELEGATE_CGROUP = EXTENSION + "delegate-cgroup"
MOUNT_CONTEXT = EXTENSION + "mount_context_type"
TIME_OFFSETS = EXTENSION + "timens_offset"
SECCOMP_DATA = EXTENSION + "seccomp_bpf_data"
SECCOMP_RECEIVER = EXTENSION + "seccomp.receiver"
SECCOMP_STRICT = EXTENSION + "seccomp_fail_unknown_syscall"
# All that have an effect.
KNOWN = (
    *(KEEP_GROUPS, HOOKS_STDOUT, HOOKS_STDERR, PIDFD_RECEIVER, DELEGATE_CGROUP, MOUNT_CONTEXT, TIME_OFFSETS),
    *(SECCOMP_DATA, SECCOMP_RECEIVER, SECCOMP_STRICT),
)


def extended(config: Config, node: Node) -> Config:
    """The config with what the annotations at the node add to it."""
    return config.replace(extensions=read_extensions(node), linux=extended_linux(config.linux, node))


def read_extensions(node: Node) -> Extensions:
    return Extensions(
        keep_groups=is_on(node, KEEP_GROUPS),
        hooks_stdout=node.maybe(HOOKS_STDOUT, Node.absolute_path) or "",
        hooks_stderr=node.maybe(HOOKS_STDERR, Node.absolute_path) or "",
        pidfd_receiver=node.maybe(PIDFD_RECEIVER, Node.absolute_path) or "",
        delegated_cgroup=node.maybe(DELEGATE_CGROUP, read_cgroup_below) or "",
    )


def extended_linux(linux: Linux, node: Node) -> Linux:
    """What the specification has a place for by now is only taken from here where it is not there."""
    return linux.replace(
        mount_context=node.maybe(MOUNT_CONTEXT, lambda word: word.one_of(CONTEXTS)) or CONTEXTS[0],
        time_offsets=linux.time_offsets or extended_offsets(linux, node),
        seccomp=extended_seccomp(linux.seccomp, node),
    )


def extended_offsets(linux: Linux, node: Node) -> tuple[TimeOffset, ...]:
    """Other clocks are for a time namespace that is made; for all others this says nothing."""
    offsets = node.maybe(TIME_OFFSETS, read_time_offsets) or ()
    return offsets if any(one.type == "time" and one.path is None for one in linux.namespaces) else ()


def extended_seccomp(seccomp: Seccomp | None, node: Node) -> Seccomp | None:
    """A finished program takes the place of all rules."""
    program = node.maybe(SECCOMP_DATA, read_program)
    if program:
        return Seccomp("SCMP_ACT_ALLOW", program=program, place=f"{node.pointer}/{SECCOMP_DATA}")
    if not seccomp:
        return None
    receiver = node.maybe(SECCOMP_RECEIVER, Node.absolute_path)
    strict = seccomp.replace(fails_on_unknown=is_on(node, SECCOMP_STRICT))
    if not receiver or strict.listener_path:
        return strict
    return strict.replace(listener_path=receiver, listener_place=f"{node.pointer}/{SECCOMP_RECEIVER}")


# ---- one value


def is_on(node: Node, name: str) -> bool:
    """Whether it is there at all: only "0" means no."""
    value = node.maybe(name, Node.string)
    return value is not None and value != "0"


def read_cgroup_below(node: Node) -> str:
    """ "/init" as well as "init". Another one's cgroup can't be meant."""
    below = node.matching(lambda path: ".." not in path.split("/"), "the path of a cgroup below the container's")
    parts = [part for part in below.split("/") if part not in ("", ".")]
    return "/" + "/".join(parts) if parts else ""


def read_time_offsets(node: Node) -> tuple[TimeOffset, ...]:
    """As the kernel takes them in /proc/PID/timens_offsets (time_namespaces(7)): a clock, seconds and nanoseconds."""
    text = node.matching(are_offsets, "lines of CLOCK SECONDS NANOSECONDS, such as monotonic 3600 0")
    return tuple(time_offset(line, node.pointer) for line in text.splitlines())


def time_offset(line: str, place: str) -> TimeOffset:
    clock, secs, nanosecs = line.split()
    return TimeOffset(CLOCKS.get(clock, clock), int(secs), int(nanosecs), place)


def are_offsets(text: str) -> bool:
    lines = [line.split() for line in text.splitlines()]
    return all(len(words) == 3 and is_offset(*words) for words in lines)


def is_offset(clock: str, secs: str, nanosecs: str) -> bool:
    known = clock in CLOCKS or clock in CLOCKS.values()
    return known and is_number(secs.removeprefix("-"), 19) and is_number(nanosecs, 9)


def is_number(text: str, digits: int) -> bool:
    return 0 < len(text) <= digits and set(text).issubset(WHOLE)


def read_program(node: Node) -> bytes:
    """What seccomp(2) takes: an array of struct sock_filter."""
    most = INSTRUCTION_SIZE * MOST_INSTRUCTIONS
    text = node.matching(is_program, f"a program for seccomp(2), {INSTRUCTION_SIZE} to {most} bytes in base64")
    return a2b_base64(text)


def is_program(text: str) -> bool:
    try:
        program = a2b_base64(text)
    except (Error, ValueError):
        return False
    count, rest = divmod(len(program), INSTRUCTION_SIZE)
    exact = b2a_base64(program, newline=False).decode() == text
    return exact and not rest and 0 < count <= MOST_INSTRUCTIONS
