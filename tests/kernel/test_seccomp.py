"""config-linux.md#seccomp: what the program's system calls come to."""

from __future__ import annotations

import errno
import platform
import socket

import pytest
from unit import classic_bpf as bpf

from kernel.kit import needs
from kernel.kit.agent import agent
from kernel.kit.host import nothing_left
from kernel.kit.profiles import (
    ALLOW,
    ERRNO,
    NATIVE,
    NOTIFY,
    ODD,
    allowing,
    condition,
    dockers,
    engine_shaped,
    expand,
    number,
    only,
    podmans,
    rule,
)

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(platform.machine() not in NATIVE, reason="the tests have no numbers for this machine"),
]

SIGSYS = 128 + 31  # the exit status of a program that died of it
X86_64 = needs.machine("x86_64")
X32 = 0x40000000  # __X32_SYSCALL_BIT, asm/unistd.h
NEWER = 999  # no system call yet


@pytest.fixture(params=[False, True], ids=["", "no_new_privs"])
def no_new_privs(request):
    """A filter is loaded at another moment with noNewPrivileges."""
    return request.param


@pytest.fixture
def filtered(bundle, no_new_privs):
    """Makes a bundle with a profile, whose probe makes the calls."""

    def make(seccomp, *calls, verb="call"):
        made = bundle(verb, *map(str, calls)) if calls else bundle()
        made.process["noNewPrivileges"] = no_new_privs
        made.linux["seccomp"] = seccomp
        return made

    return make


def errors(told):
    return [answer["error"] for answer in told.values()]


# ---- a filter, or none


def test_the_kernel_knows_of_the_filter(runtime, bundle, no_new_privs):
    made = bundle("sleep")
    made.process["noNewPrivileges"] = no_new_privs
    made.linux["seccomp"] = allowing(rule("mkdirat", action=ERRNO))
    with runtime.running(made) as container:
        status = container.status()
    assert (status["Seccomp"], status["Seccomp_filters"], status["NoNewPrivs"]) == ("2", "1", str(int(no_new_privs)))


def test_without_a_profile_there_is_no_filter(runtime, bundle):
    with runtime.running(bundle("sleep")) as container:
        assert container.status()["Seccomp"] == "0"


def test_user_and_capabilities_are_the_same_with_a_filter(runtime, filtered):
    made = filtered(allowing(rule("mkdirat", action=ERRNO)))
    made.process["user"] = {"uid": 1000, "gid": 1000, "additionalGids": [7]}
    told = runtime.run(made).json
    assert (told["uid"], told["gid"], told["capabilities"]["effective"]) == (1000, 1000, 0)


def test_in_a_user_namespace(runtime, filtered):
    made = filtered(allowing(rule("getpgid", action=ERRNO, errnoRet=ODD)), number("getpgid"))
    made.user_namespace()
    assert errors(runtime.run(made).json) == ["ENOMSG"]


# ---- actions


def test_an_errno(runtime, filtered):
    profile = allowing(rule("getpgid", action=ERRNO), rule("getsid", action=ERRNO, errnoRet=ODD))
    calls = [number(name) for name in ("getpgid", "getsid", "getpid")]
    assert errors(runtime.run(filtered(profile, *calls)).json) == ["EPERM", "ENOMSG", ""]


def test_an_errno_of_0_pretends_success(runtime, filtered):
    profile = allowing(rule("getpid", action=ERRNO, errnoRet=0))
    assert [answer["result"] for answer in runtime.run(filtered(profile, number("getpid"))).json.values()] == [0]


def test_the_default_errno(runtime, filtered):
    made = filtered(only(rule("openat2"), defaultErrnoRet=ODD), number("getpgid"))
    assert errors(runtime.run(made).json) == ["ENOMSG"]


@pytest.mark.parametrize("action", ["SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP"])
def test_actions_that_kill(runtime, filtered, action):
    made = filtered(allowing(rule("getsid", action=action)), number("getsid"))
    assert runtime.run(made).status == SIGSYS


def test_a_call_that_is_traced_by_nobody(runtime, filtered):
    made = filtered(allowing(rule("getsid", action="SCMP_ACT_TRACE", errnoRet=1)), number("getsid"))
    assert errors(runtime.run(made).json) == ["ENOSYS"]


@pytest.mark.parametrize("action", ["SCMP_ACT_LOG", ALLOW])
def test_actions_that_let_a_call_through(runtime, filtered, action):
    profile = {"defaultAction": "SCMP_ACT_LOG", "syscalls": [rule("getpid", action=action)]}
    assert errors(runtime.run(filtered(profile, number("getpid"), number("getsid"))).json) == ["", ""]


@pytest.mark.parametrize("name", ["TSYNC", "LOG", "SPEC_ALLOW"])
@pytest.mark.deviates("runc", "1.1.5 does not know the flag TSYNC yet")
def test_flags(runtime, filtered, name):
    profile = allowing(rule("getpgid", action=ERRNO), flags=[f"SECCOMP_FILTER_FLAG_{name}"])
    assert errors(runtime.run(filtered(profile, number("getpgid"))).json) == ["EPERM"]


# ---- conditions

BIG = 2**40 + 7


@pytest.mark.parametrize(
    ("one", "met", "unmet"),
    [
        (condition(4, "NE", BIG), BIG + 1, BIG),
        (condition(4, "LT", BIG), BIG - 1, BIG),
        (condition(4, "LE", BIG), BIG, BIG + 1),
        (condition(4, "EQ", BIG), BIG, BIG + 2**32),
        (condition(4, "GE", BIG), BIG, BIG - 1),
        (condition(4, "GT", BIG), BIG + 1, BIG),
        (condition(4, "MASKED_EQ", 0xFF, 0x0B), 0x70B, 0x10A),
    ],
    ids=lambda value: value["op"] if isinstance(value, dict) else "",
)
def test_operators(runtime, filtered, one, met, unmet):
    """copy_file_range(2) has six arguments, and answers EBADF before it looks at the fifth."""
    profile = allowing(rule("copy_file_range", action=ERRNO, errnoRet=ODD, args=[one]))
    call = f"{number('copy_file_range')}:-1:0:-1:0:"
    assert errors(runtime.run(filtered(profile, f"{call}{met}", f"{call}{unmet}")).json) == ["ENOMSG", "EBADF"]


@pytest.mark.parametrize("index", range(6))
def test_every_argument_can_be_looked_at(runtime, filtered, index):
    profile = allowing(rule("copy_file_range", action=ERRNO, errnoRet=ODD, args=[condition(index, "EQ", 2**63 + 5)]))
    words = ["-1", "0", "-1", "0", "0", "0"]
    words[index] = str(2**63 + 5)
    plain, odd = f"{number('copy_file_range')}:-1:0:-1", ":".join([str(number("copy_file_range")), *words])
    assert errors(runtime.run(filtered(profile, plain, odd)).json)[1] == "ENOMSG"


def test_conditions_on_several_arguments_and_on_the_same_one(runtime, filtered):
    call = number("copy_file_range")
    both = [condition(4, "EQ", 1), condition(5, "EQ", 1)]
    made = filtered(allowing(rule("copy_file_range", action=ERRNO, errnoRet=ODD, args=both)))
    made.process["args"] = ["/probe", "call", f"{call}:-1:0:-1:0:1:1", f"{call}:-1:0:-1:0:1:0"]
    assert errors(runtime.run(made).json)[0] == "ENOMSG" != errors(runtime.run(made).json)[1]
    either = [condition(4, "EQ", 1), condition(4, "EQ", 2)]
    made.linux["seccomp"]["syscalls"][0]["args"] = either
    made.process["args"][2:] = [f"{call}:-1:0:-1:0:{value}" for value in (1, 2, 3)]
    assert errors(runtime.run(made).json) == ["ENOMSG", "ENOMSG", "EBADF"]


# ---- architectures, and what is newer than the profile


@X86_64
def test_calls_of_an_architecture_that_is_not_listed_kill(runtime, filtered):
    getpid, getsid = 20, 147  # asm/unistd_32.h
    made = filtered(allowing(rule("getsid", action=ERRNO), architectures=["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]), 0)
    made.process["args"] = ["/probe", "call32", str(getpid), str(getsid)]
    result = runtime.run(made)
    if result.status == 128 + 11 or errors(result.json) == ["EBADF", "EINVAL"]:  # or takes them for 64-bit ones
        pytest.skip("this kernel has no calls of i386")
    assert errors(result.json) == ["", "EPERM"]
    made.linux["seccomp"]["architectures"] = ["SCMP_ARCH_X86_64"]
    assert runtime.run(made).status == SIGSYS


@X86_64
def test_calls_of_x32_kill_unless_listed(runtime, filtered):
    profile = allowing(rule("getsid", action=ERRNO, errnoRet=ODD), architectures=["SCMP_ARCH_X86_64"])
    made = filtered(profile, X32 | number("getsid"))
    assert runtime.run(made).status == SIGSYS
    profile["architectures"].append("SCMP_ARCH_X32")
    assert errors(runtime.run(made).json) == ["ENOMSG"]


@pytest.mark.deviates("crun", "answers what the default is")
@pytest.mark.deviates("runc", "only for the architectures that are listed")
def test_a_call_that_is_newer_than_the_profile_does_not_exist(runtime, filtered):
    """So that a C library takes an older one: EPERM would tell it that there is nothing to be done."""
    made = filtered(only(rule("openat2"), defaultErrnoRet=ODD), NEWER)
    assert errors(runtime.run(made).json) == ["ENOSYS"]


@pytest.mark.deviates("crun", "answers what the default is")
def test_a_newer_call_of_a_listed_architecture(runtime, filtered):
    made = filtered(only(rule("openat2"), architectures=[NATIVE[platform.machine()]]), NEWER)
    assert errors(runtime.run(made).json) == ["ENOSYS"]


# ---- what the filter means for the runtime itself

STARTING = ["execve", "brk", "arch_prctl", "set_tid_address", "set_robust_list", "rseq", "prlimit64", "readlinkat"]


def test_with_no_new_privs_nothing_but_the_program_is_filtered(runtime, bundle):
    """A static program's own calls are enough, though minirun has changed user and capabilities."""
    made = bundle("exit", "7")
    made.process["noNewPrivileges"] = True
    made.process["user"] = {"uid": 1000, "gid": 1000}
    made.linux["seccomp"] = only()
    made.linux["seccomp"]["syscalls"][0]["names"] = [*STARTING, "readlink", "getrandom", "mprotect", "exit_group"]
    if runtime.name != "minirun":
        made.linux["seccomp"] = only()  # these call more after the filter
    assert runtime.run(made).status == 7


def test_a_filter_that_kills_all_but_execve_kills_the_program(runtime, bundle):
    made = bundle("exit", "7")
    made.process["noNewPrivileges"] = True
    made.linux["seccomp"] = {"defaultAction": "SCMP_ACT_KILL_PROCESS", "syscalls": [rule("execve", "faccessat2")]}
    with nothing_left(runtime.name):
        assert runtime.run(made).status in (SIGSYS, 1)


@pytest.mark.only("minirun", "its own errors")
@pytest.mark.parametrize("action", ["SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP", ERRNO])
def test_a_filter_that_stops_the_set_up_is_told(runtime, filtered, no_new_privs, action):
    """Even where there is nothing left to tell it with."""
    made = filtered({"defaultAction": action, "syscalls": [rule("getpid", "openat2")]}, number("getpid"))
    with nothing_left("minirun"):
        result = runtime.run(made)
    assert result.refused, result
    assert "container's process was killed" in result.stderr


@pytest.mark.only("minirun", "its own errors")
def test_a_call_that_the_set_up_needs_is_named(runtime, bundle):
    made = bundle("exit", "0")
    made.linux["seccomp"] = allowing(rule("capset", action=ERRNO))
    with nothing_left("minirun"):
        result = runtime.run(made)
    assert result.refused
    assert "capset" in result.stderr and "/linux/seccomp has to allow capset" in result.stderr


@pytest.mark.only("minirun", "its own errors")
def test_a_program_that_may_not_be_executed(runtime, filtered):
    result = runtime.run(filtered(allowing(rule("execve", action=ERRNO)), 1))
    assert result.refused and "has to allow execve" in result.stderr


@pytest.mark.only("minirun", "its own errors")
@X86_64
def test_an_architecture_of_the_other_byte_order_is_refused(runtime, filtered):
    made = filtered(allowing(architectures=["SCMP_ARCH_S390X"]))
    with nothing_left("minirun"):
        result = runtime.run(made)
    assert result.refused and "byte order" in result.stderr


# ---- calls that somebody else decides about


@pytest.fixture
def watched(filtered, place):
    """Makes a bundle whose calls of one name are decided about at `place`/agent."""

    def make(name, *calls, **more):
        profile = allowing(rule(name, action=NOTIFY), listenerPath=str(place / "agent"), **more)
        return filtered(profile, *calls)

    return make


def test_the_agent_decides(runtime, watched, place):
    made = watched("getsid", number("getsid"), number("getpid"))
    with agent(place / "agent", (0, -ODD, 0)) as listening:
        assert errors(runtime.run(made).json) == ["ENOMSG", ""]
    assert [call for _pid, call in listening.calls] == [number("getsid")]


def test_the_agents_value_is_the_calls_result(runtime, watched, place):
    made = watched("getsid", number("getsid"))
    with agent(place / "agent", (4711, 0, 0)):
        (answer,) = runtime.run(made).json.values()
    assert answer == {"error": "", "result": 4711}


def test_what_the_agent_is_told(runtime, watched, place):
    """config-linux.md#the-container-process-state"""
    made = watched("getsid", number("getsid"), listenerMetadata="any words")
    made.config["annotations"] = {"org.example": "yes"}
    with agent(place / "agent") as listening:
        assert runtime.run(made, container_id="minirun-test-watched").status == 0
    told = listening.message
    assert (told["fds"], told["metadata"], listening.descriptors) == (["seccompFd"], "any words", 1)
    assert told["pid"] == listening.calls[0][0], "as seen by the runtime"
    state = told["state"]
    assert (state["id"], state["status"], state["pid"]) == ("minirun-test-watched", "creating", told["pid"])
    assert (state["bundle"], state["annotations"]["org.example"]) == (str(made.path), "yes")
    assert told["ociVersion"] and state["ociVersion"]


@pytest.mark.deviates("runc", "1.1.5 keeps the connection as long as the container runs")
@pytest.mark.deviates("crun", "1.8.1 keeps the connection as long as the container runs")
def test_the_connection_is_closed(runtime, watched, place):
    with agent(place / "agent") as listening:
        assert runtime.run(watched("getsid", number("getsid"))).status == 0
    assert listening.is_closed


def test_without_metadata(runtime, watched, place):
    with agent(place / "agent") as listening:
        assert runtime.run(watched("getsid", number("getsid"))).status == 0
    assert not listening.message.get("metadata")


@pytest.mark.parametrize(
    "name",
    ["read", "close", "sendmsg", "recvmsg", "capset", "execve", "accept4", "brk", "mmap", "munmap", "madvise", "futex"],
)
def test_calls_of_the_runtime_itself_are_decided_about_too(runtime, watched, place, name):
    with agent(place / "agent") as listening:
        assert runtime.run(watched(name, number("getpid"))).status == 0
    assert listening.descriptors == 1


@pytest.mark.parametrize("name", ["accept4", "read", "close", "capset"])
def test_so_they_are_between_create_and_start(life, place, no_new_privs, name):
    one = life("exit", "0")
    one.bundle.process["noNewPrivileges"] = no_new_privs
    one.bundle.linux["seccomp"] = allowing(rule(name, action=NOTIFY), listenerPath=str(place / "agent"))
    one.bundle.write()
    with agent(place / "agent") as listening:
        one.started()
    assert listening.descriptors == 1


@pytest.mark.deviates("crun", "takes it")
def test_write_can_not_be_watched(runtime, watched, place):
    """The runtime itself says by write(2) how far it has got."""
    with agent(place / "agent"), nothing_left(runtime.name):
        result = runtime.run(watched("write", number("getpid")))
    assert result.refused and "SCMP_ACT_NOTIFY cannot be used for the write syscall" in result.stderr


@pytest.mark.only("minirun", "its own observer")
def test_no_step_is_told_while_nobody_could_answer(runtime, watched, place):
    with agent(place / "agent") as listening:
        assert runtime.run(watched("writev", number("getpid")), options=["--narrate"]).status == 0
    assert listening.descriptors == 1


@pytest.mark.parametrize("flags", [["TSYNC"], ["WAIT_KILLABLE_RECV"], ["TSYNC", "WAIT_KILLABLE_RECV", "LOG"]])
@pytest.mark.only("minirun", "others do not know these flags together with a listener yet")
def test_flags_with_a_listener(runtime, watched, place, flags):
    made = watched("getsid", number("getsid"), flags=[f"SECCOMP_FILTER_FLAG_{name}" for name in flags])
    with agent(place / "agent", (0, -ODD, 0)):
        assert errors(runtime.run(made).json) == ["ENOMSG"]


def test_without_an_agent_the_container_is_refused(runtime, watched):
    with nothing_left(runtime.name):
        result = runtime.run(watched("getsid", number("getsid")))
    assert result.refused and (runtime.name == "crun" or "failed to connect with seccomp agent" in result.stderr)


@pytest.mark.only("minirun", "its own errors")
def test_a_socket_of_another_type(runtime, watched, place):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as wrong:
        wrong.bind(str(place / "agent"))
        result = runtime.run(watched("getsid", number("getsid")))
    assert result.refused and "SOCK_STREAM" in result.stderr


@pytest.mark.deviates("crun", "connects to the path whether or not a rule needs it")
def test_a_listener_path_without_notifying_rules_is_ignored(runtime, filtered, place):
    made = filtered(allowing(rule("getpgid", action=ERRNO), listenerPath=str(place / "nobody")), number("getpgid"))
    assert errors(runtime.run(made).json) == ["EPERM"]


@pytest.mark.only("minirun", "others can't reach so far")
def test_a_long_path_to_the_agent(runtime, watched, place):
    deep = place / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    made = watched("getsid", number("getsid"))
    made.linux["seccomp"]["listenerPath"] = str(deep / "agent")
    with agent(deep / "agent", (0, -ODD, 0)):
        assert errors(runtime.run(made).json) == ["ENOMSG"]


# ---- what engines send

PROFILES = {"of the same shape": engine_shaped, "podman": podmans, "docker": dockers}
CAPABILITIES = ["CAP_CHOWN", "CAP_KILL", "CAP_AUDIT_WRITE", "CAP_SYS_CHROOT"]  # of an engine's default


@pytest.fixture(params=PROFILES)
def engines(request):
    """An engine's default profile in the engine's form."""
    found = PROFILES[request.param]()
    if found is None:
        pytest.skip(f"the profile of {request.param} is not to be had here")
    return found


@pytest.mark.parametrize("more", [[], ["CAP_SYS_ADMIN"]], ids=["", "CAP_SYS_ADMIN"])
def test_an_engines_profile_runs_a_program(runtime, filtered, engines, more):
    profile = expand(engines, [*CAPABILITIES, *more])
    told = runtime.run(filtered(profile, number("getpid"), f"{number('personality')}:0xffffffff", NEWER)).json
    assert errors(told)[:2] == ["", ""]
    assert errors(told)[2] == "ENOSYS" or runtime.name == "crun"


UNFILTERED = {335, 336}  # uretprobe(2), uprobe: newer kernels keep these from every filter


@X86_64
def test_every_call_of_an_engines_profile_is_as_it_says(runtime, filtered, engines):
    """Made for real are the calls that are refused, with an errno that only a filter gives."""
    profile = expand(engines, CAPABILITIES)
    profile["defaultErrnoRet"] = errno.EIDRM
    for entry in profile["syscalls"]:
        if entry["action"] == ERRNO:
            entry["errnoRet"] = ODD
    code, wanted = bpf.compiled(profile), {}
    for call in set(range(NEWER)) - UNFILTERED:
        action = bpf.expected(profile, bpf.X86_64, call)
        assert bpf.run(code, bpf.X86_64, call) == action, f"call {call}"
        if action != bpf.ALLOW:
            wanted[str(call)] = errno.errorcode[action & 0xFFFF]
    assert len(wanted) > 400 and {"EIDRM", "ENOSYS"} <= set(wanted.values())
    told = runtime.run(filtered(profile, *wanted)).json
    found = {call: answer["error"] for call, answer in told.items()}
    if runtime.name == "crun":
        found |= {call: error for call, error in wanted.items() if error == "ENOSYS"}
    assert found == wanted


# What i386 has both as calls of their own and as parts of socketcall(2) and ipc(2), and these two: the names stand for
# either, so libseccomp makes rules for both.
MULTIPLEXED = {102, 117, 337, 345, *range(359, 374), *range(393, 403)}


@X86_64
@pytest.mark.slow
def test_an_engines_profile_as_it_stands_instruction_by_instruction(engines):
    arguments = [(), (2**32 - 1,) * 6, (16, 3, 9), (40, 1, 0), (8,), (0x20000,), (0x7E020000,), (2**63,) * 6]
    for held in ([], CAPABILITIES, ["CAP_SYS_ADMIN", "CAP_SYS_PTRACE"]):
        profile = expand(engines, held)
        code = bpf.compiled(profile)
        for arch in (bpf.X86_64, bpf.X86):
            for call in set(range(500)) - (MULTIPLEXED if arch == bpf.X86 else set()):
                for args in arguments:
                    cut = args if arch == bpf.X86_64 else tuple(value & 0xFFFFFFFF for value in args)
                    assert bpf.run(code, arch, call, cut) == bpf.expected(profile, arch, call, cut), (
                        hex(arch),
                        call,
                        args,
                    )
