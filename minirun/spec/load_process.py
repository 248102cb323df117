"""config.json's /process -> Process. What `exec --process FILE` gets is the same object, so it is read here too."""

from __future__ import annotations

from ..errors import ConfigError
from .config import Capabilities, ConsoleSize, Process, Rlimit, User
from .config_rare import IOPriority, Scheduler
from .reader import Node, refuse_more_than, refuse_twice

NGROUPS_MAX = 65536  # linux/limits.h
MAX_ID = 2**32 - 2  # 2**32 - 1 is (uid_t) -1, which means "no change" to setresuid(2) and chown(2)
MOST_LIMITS = 100  # more than there are, and few enough to say which one comes twice
MAX_RLIMIT = 2**64 - 1  # RLIM_INFINITY, getrlimit(2)
MAX_UINT64 = 2**64 - 1
MAX_WINDOW = 2**16 - 1  # struct winsize has unsigned shorts, ioctl_tty(2)

RLIMITS = (  # getrlimit(2)
    "RLIMIT_AS",
    "RLIMIT_CORE",
    "RLIMIT_CPU",
    "RLIMIT_DATA",
    "RLIMIT_FSIZE",
    "RLIMIT_LOCKS",
    "RLIMIT_MEMLOCK",
    "RLIMIT_MSGQUEUE",
    "RLIMIT_NICE",
    "RLIMIT_NOFILE",
    "RLIMIT_NPROC",
    "RLIMIT_RSS",
    "RLIMIT_RTPRIO",
    "RLIMIT_RTTIME",
    "RLIMIT_SIGPENDING",
    "RLIMIT_STACK",
)

# sched(7). SCHED_ISO is a reserved name that Linux has never had: sched_setattr(2) will say so.
POLICIES = ("SCHED_OTHER", "SCHED_FIFO", "SCHED_RR", "SCHED_BATCH", "SCHED_ISO", "SCHED_IDLE", "SCHED_DEADLINE")
SCHED_FLAGS = (  # sched_setattr(2)
    "SCHED_FLAG_RESET_ON_FORK",
    "SCHED_FLAG_RECLAIM",
    "SCHED_FLAG_DL_OVERRUN",
    "SCHED_FLAG_KEEP_POLICY",
    "SCHED_FLAG_KEEP_PARAMS",
    "SCHED_FLAG_UTIL_CLAMP_MIN",
    "SCHED_FLAG_UTIL_CLAMP_MAX",
)
REAL_TIME = ("SCHED_FIFO", "SCHED_RR")
DEADLINE = ("SCHED_DEADLINE",)
MEANT_FOR = {
    "priority": REAL_TIME,
    "runtime": DEADLINE,
    "deadline": DEADLINE,
    "period": DEADLINE,
}

MOST_CPUS = 8192  # CONFIG_NR_CPUS of the largest kernels

IO_CLASSES = ("IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE")  # ioprio_set(2)


def read_process(node: Node) -> Process:
    """config.md#process"""
    terminal = node.flag("terminal")
    return Process(
        cwd=node.need("cwd").absolute_path(),
        user=node.maybe("user", read_user) or User(0, 0),  # as other runtimes have it
        args=node.need("args").some(Node.string, "at least one string: the program to run"),  # execvp(3) needs it
        env=node.each("env", read_variable),
        terminal=terminal,
        console_size=node.maybe("consoleSize", read_console_size) if terminal else None,  # else it MUST be ignored
        rlimits=node.maybe("rlimits", read_rlimits) or (),
        capabilities=node.maybe("capabilities", read_capabilities),
        no_new_privileges=node.flag("noNewPrivileges"),
        oom_score_adj=node.number("oomScoreAdj", -1000, 1000),  # proc(5)
        scheduler=node.maybe("scheduler", read_scheduler),
        io_priority=node.maybe("ioPriority", read_io_priority),
        apparmor_profile=node.text("apparmorProfile"),
        selinux_label=node.text("selinuxLabel"),
        **node.maybe("execCPUAffinity", read_affinity) or {},
    )


def read_affinity(node: Node) -> dict[str, tuple[int, ...]]:
    """config.md#linux-process: lists of processors as in cpuset(7), for processes that come by `exec`."""
    names = {"affinity_before": "initial", "affinity_after": "final"}
    return {field: node.maybe(name, read_cpu_list) or () for field, name in names.items()}


def read_cpu_list(node: Node) -> tuple[int, ...]:
    """ "0-2,5" -> (0, 1, 2, 5)"""
    cpus: list[int] = []
    for part in node.string().split(",") if node.string() else ():
        first, dash, last = part.partition("-")
        numbers = [int(word) for word in (first, last or first) if word.isascii() and word.isdigit()]
        if len(numbers) != 2 or (dash and not last) or not numbers[0] <= numbers[1] < MOST_CPUS:
            raise node.wrong('a list of processors such as "0-2,5" (cpuset(7))')
        cpus += range(numbers[0], numbers[1] + 1)
    return tuple(cpus)


def read_variable(node: Node) -> str:
    """environ(7): NAME=value"""
    if node.string().find("=") < 1:
        raise node.wrong("NAME=value")
    return node.string()


def read_console_size(node: Node) -> ConsoleSize:
    """config.md#process"""
    return ConsoleSize(
        height=node.need("height").integer(0, MAX_WINDOW),
        width=node.need("width").integer(0, MAX_WINDOW),
    )


def read_user(node: Node) -> User:
    """config.md#posix-platform-user: the numbers are those inside the container."""
    return User(
        uid=read_id(node.need("uid")),
        gid=read_id(node.need("gid")),
        umask=node.number("umask", 0, 0o777),
        additional_gids=node.maybe("additionalGids", read_groups) or (),
    )


def read_groups(node: Node) -> tuple[int, ...]:
    """As many as setgroups(2) takes."""
    if len(node.array()) > NGROUPS_MAX:
        raise ConfigError(node.pointer, f"found {len(node.array())} groups", f"at most {NGROUPS_MAX}")
    return node.every(read_id)


def read_id(node: Node) -> int:
    """A user's or a group's number."""
    return node.integer(0, MAX_ID)


def read_rlimits(node: Node) -> tuple[Rlimit, ...]:
    """config.md#posix-process: listing a type twice MUST be an error."""
    refuse_more_than(MOST_LIMITS, node)
    rlimits = node.every(read_rlimit)
    refuse_twice(node.pointer, (rlimit.type for rlimit in rlimits))
    return rlimits


def read_rlimit(node: Node) -> Rlimit:
    """getrlimit(2): the soft limit may not be above the hard one."""
    kind = node.need("type").one_of(RLIMITS)
    hard = node.need("hard").integer(0, MAX_RLIMIT)
    return Rlimit(type=kind, soft=node.need("soft").integer(0, hard), hard=hard)


def read_capabilities(node: Node) -> Capabilities:
    """config.md#linux-process: a name that can't be granted is a warning, so every name goes through here."""
    return Capabilities(
        bounding=node.each("bounding", Node.string),
        effective=node.each("effective", Node.string),
        inheritable=node.each("inheritable", Node.string),
        permitted=node.each("permitted", Node.string),
        ambient=node.each("ambient", Node.string),
    )


def read_scheduler(node: Node) -> Scheduler:
    """config.md#linux-process, sched(7)"""
    policy = node.need("policy").one_of(POLICIES)
    scheduler = Scheduler(
        policy=policy,
        nice=node.number("nice", -20, 19) or 0,
        priority=node.need("priority").integer(1, 99) if policy in REAL_TIME else 0,
        flags=node.each("flags", lambda flag: flag.one_of(SCHED_FLAGS)),
        runtime=node.number("runtime", 0, MAX_UINT64) or 0,
        deadline=node.number("deadline", 0, MAX_UINT64) or 0,
        period=node.number("period", 0, MAX_UINT64) or 0,
    )
    refuse_meant_for_another(node, policy)
    return scheduler


def refuse_meant_for_another(node: Node, policy: str) -> None:
    """sched_setattr(2) would ignore, or refuse, what belongs to another policy. Of `nice`, which it ignores, files in
    use have some with any policy; the process's own stays then."""
    for name, policies in MEANT_FOR.items():
        member = node.get(name)
        if member is not None and policy not in policies and member.value != 0:
            raise member.wrong(f"0 or nothing with {policy}, because this is for {' and '.join(policies)}")


def read_io_priority(node: Node) -> IOPriority:
    """config.md#linux-process, ioprio_set(2): 0 is the highest, and what is meant where none is given."""
    return IOPriority(cls=node.need("class").one_of(IO_CLASSES), priority=node.number("priority", 0, 7) or 0)
