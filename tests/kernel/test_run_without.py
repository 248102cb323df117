"""minirun run --without: where it is allowed, what it says, and that a container without a protection is made, entered
and removed like any other. That the protection is missing: test_without.py."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from kernel.kit import needs
from kernel.kit.host import nothing_left
from kernel.kit.outside import Process
from kernel.kit.runtime import TIMEOUT, new_id
from kernel.test_without import without
from minirun.spec.default import MASKED_PATHS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kernel.kit.bundle import Bundle
    from kernel.kit.life import Life
    from kernel.kit.runtime import Runtime

pytestmark = [pytest.mark.root, pytest.mark.only("minirun", "others have no such option"), needs.cgroup2()]

# As any machine, or as one that tests/vm/provision has set up: its /etc is this one's but for the mark.
ELSEWHERE = """
mount -t tmpfs tmpfs "$1" && mkdir "$1/upper" "$1/work"
mount -t overlay -o "lowerdir=/etc,upperdir=$1/upper,workdir=$1/work" overlay /etc
$2 /etc/minirun-throw-away
shift 2
exec "$@"
"""


@needs.command("grep -qw overlay /proc/filesystems || modprobe overlay", "this kernel has no overlay file system")
def test_only_on_a_machine_to_throw_away(runtime: Runtime, bundle: Callable[..., Bundle], place: Path) -> None:
    made, empty = bundle("exit"), place / "empty"
    empty.mkdir()

    def run(mark: str, *options: str) -> tuple[int, str]:
        prefix = ["unshare", "--mount", "bash", "-c", ELSEWHERE, "bash", str(empty), mark]
        done = runtime.run(made, options=["--without", "pid", *options], prefix=prefix)
        return done.status, done.stderr

    status, said = run("rm --force")
    assert status == 1
    assert "tests/vm/run --shell" in said and "--i-know" in said and "(there is no /etc/minirun-throw-away)" in said
    for mark, *options in (["rm --force", "--i-know"], ["touch"]):
        status, said = run(mark, *options)
        assert (status, said.count("minirun: warning: without pid: It sees every process of the host")) == (0, 1), said


def test_each_is_told_of_in_a_line(runtime: Runtime, bundle: Callable[..., Bundle]) -> None:
    done = runtime.run(bundle("exit"), options=without(["session", "pivot", "session"]))
    assert [line.split(":")[2] for line in done.stderr.splitlines()] == [" without session", " without pivot"]


def test_what_the_container_does_not_have_is_not_left_out(runtime: Runtime, bundle: Callable[..., Bundle]) -> None:
    done = runtime.run(bundle("exit"), options=without(["seccomp"]))
    assert done.refused
    assert "this container does not have seccomp" in done.stderr


def test_the_steps_that_are_told_are_those_that_are_left(runtime: Runtime, bundle: Callable[..., Bundle]) -> None:
    made = bundle("exit")
    made.linux["maskedPaths"] = list(MASKED_PATHS)
    assert "hide /proc/keys" in runtime.run(made, options=["--narrate"]).stderr
    said = runtime.run(made, options=["--narrate", *without(["masked-paths", "groups"])]).stderr
    assert "hide /proc" not in said
    assert "become user 0 with group 0, in the caller's groups" in said


def test_a_filter_still_holds_without_no_new_privs(runtime: Runtime, bundle: Callable[..., Bundle]) -> None:
    made = bundle("attack", "filter=unshare")
    made.process["noNewPrivileges"] = True
    rules = [{"names": ["unshare"], "action": "SCMP_ACT_ERRNO"}]
    made.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules}
    made.capabilities("CAP_SYS_ADMIN")
    assert runtime.run(made, options=without(["no-new-privs"])).json == {"filter": "EPERM"}
    assert runtime.run(made, options=without(["seccomp"])).json == {"filter": ""}


def test_the_callers_groups_stay_in_a_user_namespace_too(
    runtime: Runtime, bundle: Callable[..., Bundle], place: Path
) -> None:
    made = bundle("attack", "file=read:/mnt/file")
    (place / "file").write_text("for the group")
    os.chown(place / "file", 0, 4242)
    (place / "file").chmod(0o040)
    made.bind(place, "/mnt")
    made.user_namespace()
    assert runtime.run(made, extra_groups=[4242]).json == {"file": "EACCES"}
    assert runtime.run(made, options=without(["groups"]), extra_groups=[4242]).json == {"file": ""}


@pytest.mark.parametrize("name", ["pid", "network", "ipc", "cgroup", "uts"])
def test_a_user_namespace_can_share_any_other(runtime: Runtime, bundle: Callable[..., Bundle], name: str) -> None:
    made = bundle("attack", f"file=holds:/proc/{os.getpid()}/comm={Process().text('comm')}")
    made.user_namespace()
    made.namespace("cgroup")
    assert runtime.run(made).json["file"] != ""
    assert (runtime.run(made, options=without([name])).json["file"] == "") == (name == "pid")


# ---- its life

OFTEN_LEFT = ("mount", "pivot", "detach", "own-cgroup", "pid", "session")


def detached(life: Callable[..., Life], *names: str) -> Life:
    one = life("sleep")
    done = one.call("run", options=["--detach", "--bundle", str(one.bundle.path), *without(names)])
    assert done.status == 0, done
    return one


@pytest.mark.parametrize("name", OFTEN_LEFT)
def test_nothing_is_left_of_it(runtime: Runtime, life: Callable[..., Life], name: str) -> None:
    with nothing_left(runtime.name):
        one = detached(life, name)
        assert one.delete("--force").status == 0
        assert one.call("state").status == 1


@pytest.mark.parametrize("name", OFTEN_LEFT)
def test_nothing_is_left_where_minirun_was_killed(runtime: Runtime, bundle: Callable[..., Bundle], name: str) -> None:
    container_id = new_id()
    with (
        nothing_left(runtime.name),
        runtime.running(bundle("sleep"), options=without([name]), container_id=container_id) as container,
    ):
        container.runtime.send_signal(signal.SIGKILL)
        container.runtime.wait(TIMEOUT)
        subprocess.run([*runtime.argv, "delete", "--force", container_id], check=True, timeout=TIMEOUT)


def test_a_further_process_is_without_it_too(runtime: Runtime, life: Callable[..., Life], place: Path) -> None:
    one = detached(life, "mount", "pid", "bounding-set")
    (place / "secret").touch()
    host = Process()
    deeds = (
        f"bounding-set=capabilities:{host.status()['CapBnd']}",
        f"pid=holds:/proc/{os.getpid()}/comm={host.text('comm')}",
        f"root=create:{place}/secret",
    )
    done = one.call("exec", "/probe", "attack", *deeds)
    assert done.json == {"bounding-set": "", "pid": "", "root": "ENOENT"}


def test_no_process_enters_where_it_would_come_out_at_the_hosts_root(life: Callable[..., Life]) -> None:
    one = detached(life, "pivot")
    refused = one.call("exec", "/probe", "exit")
    assert refused.status == 255
    assert "in the host's root, not in its own" in refused.stderr
