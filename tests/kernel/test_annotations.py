"""Annotations that crun has for what the specification has no property (crun(1)): run.oci.*."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kernel.kit import needs
from kernel.kit.agent import agent
from kernel.kit.host import nothing_left
from kernel.kit.outside import cgroup2_root
from kernel.kit.profiles import ALLOW, ERRNO, NOTIFY, ODD, allowing, number, rule

if TYPE_CHECKING:
    from collections.abc import Callable

    from kernel.kit.bundle import Bundle
    from kernel.kit.life import Life

RUNC = pytest.mark.deviates("runc", "has none of these")
pytestmark = [pytest.mark.root, RUNC]

GROUPS = [11, 12]


@pytest.fixture
def annotated(bundle: Callable[..., Bundle]) -> Callable[..., Bundle]:
    """Makes a bundle with one annotation: `annotated("hooks.stdout", "/file", "sleep")`."""

    def make(name: str, value: str, *args: str) -> Bundle:
        made = bundle(*args)
        made.config["annotations"] = {f"run.oci.{name}": value}
        return made

    return make


# ---- groups


@pytest.mark.parametrize(("value", "kept"), [("1", GROUPS), ("", GROUPS), ("0", [])])
def test_the_callers_groups_are_kept(runtime, annotated, value, kept):
    made = annotated("keep_original_groups", value)
    assert runtime.run(made, extra_groups=GROUPS).json["groups"] == kept


def test_those_of_the_config_count_for_nothing_then(runtime, annotated):
    made = annotated("keep_original_groups", "1")
    made.process["user"] = {"uid": 1000, "gid": 2000, "additionalGids": [7]}
    told = runtime.run(made, extra_groups=GROUPS).json
    assert (told["uid"], told["gid"], told["groups"]) == (1000, 2000, GROUPS)


def test_the_callers_groups_are_kept_in_a_user_namespace(runtime, annotated):
    """Where they are mapped to nothing: a file of the host's that the group may read can be read."""
    made = annotated("keep_original_groups", "1", "sleep")
    made.user_namespace()
    with runtime.running(made, extra_groups=GROUPS) as container:
        assert container.status()["Groups"].split() == ["11", "12"]


def test_exec_keeps_those_of_its_own_caller(life):
    one = life(annotations={"run.oci.keep_original_groups": "1"}).started()
    done = one.line("exec", one.id, "/probe", extra_groups=[13])
    assert done.json["groups"] == [13]


# ---- hooks


def says(words: str) -> dict[str, object]:
    return {"path": "/bin/sh", "args": ["sh", "-c", f"echo {words}; echo not {words} >&2"]}


@needs.static_busybox()
def test_what_hooks_write_is_appended_to_files(life, place):
    kinds = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")
    out, err = place / "out", place / "err"
    out.write_text("before\n")
    annotations = {"run.oci.hooks.stdout": str(out), "run.oci.hooks.stderr": str(err)}
    one = life(hooks={kind: [says(kind)] for kind in kinds}, annotations=annotations)
    add_shell(one.bundle)
    one.started()
    assert one.delete("--force").status == 0
    assert out.read_text().split("\n") == ["before", *kinds, ""]
    assert err.read_text().split("\n") == [*(f"not {kind}" for kind in kinds), ""]


def add_shell(bundle: Bundle) -> None:
    (bundle.rootfs / "bin" / "sh").write_bytes(Path("/bin/busybox").read_bytes())
    (bundle.rootfs / "bin" / "sh").chmod(0o755)


@needs.static_busybox()
def test_what_hooks_write_is_appended_from_a_user_namespace_too(life, place):
    """The file is open already when the container's process has no rights over it any more."""
    place.chmod(0o711)
    one = life(hooks={"createContainer": [says("inside")]}, annotations={"run.oci.hooks.stdout": str(place / "out")})
    one.bundle.user_namespace()
    one.bundle.write()
    one.started()
    assert (place / "out").read_text() == "inside\n"
    assert (place / "out").stat().st_mode & 0o077 == 0


@pytest.mark.only("minirun", "crun says what the hook has written, wherever it went")
def test_the_stream_that_is_not_named_is_told_when_the_hook_fails(life, place):
    failing = {"path": "/bin/sh", "args": ["sh", "-c", "echo lost; echo told >&2; exit 3"]}
    one = life(hooks={"createRuntime": [failing]}, annotations={"run.oci.hooks.stdout": str(place / "out")})
    with nothing_left("minirun"):
        created = one.create()
    assert created.refused and "status 3: told" in created.stderr
    assert (place / "out").read_text() == "lost\n"


@pytest.mark.only("minirun", "the words are its own; crun follows symlinks")
@pytest.mark.parametrize("what", ["no such directory", "a symlink"])
def test_a_file_for_hooks_that_can_not_be_opened_is_told_with_its_place(life, place, what):
    path = place / "missing" / "out" if what == "no such directory" else place / "link"
    (place / "link").symlink_to(place / "victim")
    one = life(hooks={"poststop": [says("never")]}, annotations={"run.oci.hooks.stdout": str(path)})
    with nothing_left("minirun"):
        created = one.create()
    assert created.refused and "/annotations/run.oci.hooks.stdout" in created.stderr
    assert not (place / "victim").exists()


def test_without_hooks_nothing_is_opened(runtime, annotated):
    assert runtime.run(annotated("hooks.stdout", "/no such directory/file", "exit", "0")).status == 0


# ---- the filter for system calls


def refusing(name: str) -> str:
    """A filter that answers ODD to one call, as it is given to seccomp(2): linux/filter.h."""
    lines = [(0x20, 0, 0, 0), (0x15, 0, 1, number(name)), (0x06, 0, 0, 0x50000 | ODD), (0x06, 0, 0, 0x7FFF0000)]
    return base64.b64encode(b"".join(struct.pack("=HBBI", *line) for line in lines)).decode()


@pytest.mark.parametrize("no_new_privs", [False, True])
def test_a_finished_filter_takes_the_place_of_the_profile(runtime, annotated, no_new_privs):
    made = annotated("seccomp_bpf_data", refusing("getsid"), "call", str(number("getsid")), str(number("getpgid")))
    made.process["noNewPrivileges"] = no_new_privs
    made.linux["seccomp"] = allowing(rule("getpgid", action=ERRNO))
    assert [answer["error"] for answer in runtime.run(made).json.values()] == ["ENOMSG", ""]


def test_a_finished_filter_holds_for_exec_too(life):
    one = life(annotations={"run.oci.seccomp_bpf_data": refusing("getsid")}).started()
    (answer,) = one.call("exec", "/probe", "call", str(number("getsid"))).json.values()
    assert answer["error"] == "ENOMSG"


def test_a_finished_filter_need_not_know_how_minirun_waits(life):
    one = life(annotations={"run.oci.seccomp_bpf_data": refusing("accept4")}).started()
    assert one.status == "running"


@pytest.mark.parametrize("data", ["%%%", "", base64.b64encode(b"123").decode()])
def test_what_is_no_filter_is_refused(runtime, annotated, data):
    result = runtime.run(annotated("seccomp_bpf_data", data))
    assert result.refused and (runtime.name != "minirun" or "/annotations/run.oci.seccomp_bpf_data" in result.stderr)


@pytest.mark.parametrize("value", ["1", "0"])
def test_a_call_that_nobody_knows_can_be_an_error(runtime, annotated, value):
    made = annotated("seccomp_fail_unknown_syscall", value, "exit", "0")
    made.linux["seccomp"] = {"defaultAction": ALLOW, "syscalls": [rule("no_such_call", action=ERRNO)]}
    assert runtime.run(made).status == (1 if value == "1" else 0)


def test_a_listener_can_be_named_by_an_annotation(runtime, annotated, place):
    made = annotated("seccomp.receiver", str(place / "agent"), "call", str(number("getsid")))
    made.linux["seccomp"] = allowing(rule("getsid", action=NOTIFY))
    with agent(place / "agent", (4711, 0, 0)):
        (answer,) = runtime.run(made).json.values()
    assert answer == {"error": "", "result": 4711}


# ---- others


def test_a_pidfd_goes_to_the_receiver(life, place):
    one = life(annotations={"run.oci.pidfd_receiver": str(place / "receiver")})
    with socket.socket(socket.AF_UNIX) as at:
        at.bind(str(place / "receiver"))
        at.listen()
        at.settimeout(20)
        one.created()
        connection, _address = at.accept()
        with connection:
            _message, (pidfd,), *_ = socket.recv_fds(connection, 4096, 4)
    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    os.close(pidfd)
    one.wait_for(lambda: one.status == "stopped")


@pytest.mark.only("minirun", "the words are its own")
def test_a_receiver_that_nobody_has_is_told_with_its_place(runtime, annotated, place):
    with nothing_left("minirun"):
        result = runtime.run(annotated("pidfd_receiver", str(place / "nobody")))
    assert result.refused and "/annotations/run.oci.pidfd_receiver" in result.stderr


@needs.namespace("time")
def test_clocks_as_the_kernel_takes_them(runtime, annotated):
    made = annotated("timens_offset", "monotonic 1000 500\n7 864000 0")
    made.namespace("time")
    told = runtime.run(made).json
    assert [line.split() for line in told["timens_offsets"]] == [
        ["monotonic", "1000", "500"],
        ["boottime", "864000", "0"],
    ]


def test_clocks_without_a_time_namespace_stay_as_they_are(runtime, annotated):
    assert runtime.run(annotated("timens_offset", "monotonic 1000 0", "exit", "0")).status == 0


# ---- the cgroup


def directory(one: Life) -> Path:
    """The program's cgroup as a directory of the host."""
    root = cgroup2_root()
    assert root
    return root / one.process.cgroup().lstrip("/")


@needs.cgroup2()
@pytest.mark.parametrize("name", ["init", "/init/further"])
def test_the_program_is_in_a_cgroup_below_and_sees_the_one_above_as_its_root(life, name):
    one = life("read", "/proc/self/cgroup", annotations={"run.oci.delegate-cgroup": name})
    one.bundle.namespace("cgroup")
    one.bundle.write()
    one.created()
    assert one.process.cgroup().endswith("/" + name.lstrip("/"))
    one.start()
    one.wait_for(lambda: one.output().endswith("\n"))
    told = json.loads(one.output())["/proc/self/cgroup"]["text"]
    assert told.endswith(f"0::/{name.lstrip('/')}\n")


@needs.controller("pids")
def test_the_limits_are_those_of_the_cgroup_above(life):
    one = life("sleep", annotations={"run.oci.delegate-cgroup": "init"})
    one.bundle.linux["resources"] = {"pids": {"limit": 50}}
    one.bundle.write()
    one.started()
    place = directory(one)
    assert (place.parent / "pids.max").read_text() == "50\n"
    (place.parent / "cgroup.subtree_control").write_text("+pids")  # nobody is in it
    assert (place / "pids.max").read_text() == "max\n"


@needs.cgroup2()
def test_exec_goes_there_too(life):
    one = life("sleep", annotations={"run.oci.delegate-cgroup": "init"}).started()
    told = one.call("exec", "/probe", "read", "/proc/self/cgroup").json["/proc/self/cgroup"]["text"]
    assert told.endswith("/init\n")


@needs.cgroup2()
@pytest.mark.deviates("crun", "leaves it to root, without a user namespace")
def test_the_cgroup_below_belongs_to_the_program_where_the_one_above_does(life):
    one = life("sleep", annotations={"run.oci.delegate-cgroup": "init"})
    one.bundle.namespace("cgroup")
    one.bundle.mount("/sys/fs/cgroup", kind="cgroup", source="cgroup")
    one.bundle.process["user"] = {"uid": 7, "gid": 7}
    one.bundle.write()
    one.started()
    place = directory(one)
    assert {place.stat().st_uid, (place / "cgroup.procs").stat().st_uid, place.parent.stat().st_uid} == {7}


@pytest.mark.deviates("crun", "1.8.1 puts the program into somebody else's cgroup")
@pytest.mark.parametrize("name", ["../other", "a/../../other"])
def test_a_cgroup_that_is_not_below_is_refused(runtime, annotated, name):
    with nothing_left("minirun"):
        assert runtime.run(annotated("delegate-cgroup", name)).refused


@needs.cgroup2()
def test_nothing_of_the_cgroups_stays(runtime, annotated):
    with nothing_left("minirun"):
        assert runtime.run(annotated("delegate-cgroup", "a/b/c", "exit", "3")).status == 3


# ---- those without effect


@pytest.mark.parametrize("name", ["handler", "systemd.subgroup", "something_new"])
def test_an_annotation_that_means_nothing_here_is_no_error(runtime, annotated, name):
    """config.md#annotations: "MUST NOT generate an error"."""
    result = runtime.run(annotated(name, "", "exit", "3"))
    assert (result.status, result.stderr) == (3, "")
