"""Containers of a user who is not root: user_namespaces(7), and what a user can do without anybody's help."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kernel.kit import needs
from kernel.kit.host import nothing_left
from kernel.kit.life import Life, has_ended
from kernel.kit.outside import Process, cgroup2_root, mounted_at
from kernel.kit.runtime import PATIENCE, TIMEOUT
from kernel.kit.users import (
    BECOME,
    PYTHON,
    UID,
    LoggedInRuntime,
    UsersRuntime,
    give,
    has_python,
    somebody_with_systemd,
)
from kernel.test_map_helpers import SCRIPT
from kernel.test_runtime_file import LOADERS, check
from minirun.plan.container import Options, plan
from minirun.plan.limits import INHERITED
from minirun.spec.load import load
from minirun.steps.step import RUNTIME
from minirun.teach.script import script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kernel.kit.bundle import Bundle
    from kernel.kit.runtime import Runtime

pytestmark = [
    pytest.mark.root,
    needs.command(f"{' '.join(BECOME)} unshare --user true", "only root may make user namespaces here"),
    pytest.mark.skipif(not has_python(), reason=f"{PYTHON} is too old for minirun"),
]


@pytest.fixture
def users(runtime: Runtime, place: Path) -> UsersRuntime:
    """The runtime under test, run by the user."""
    return UsersRuntime(runtime, place)


@pytest.fixture
def own(bundle: Callable[..., Bundle]) -> Callable[..., Bundle]:
    """Makes a bundle of the user's."""

    def make(*args: str) -> Bundle:
        made = bundle(*args)
        give(made)
        return made

    return make


@pytest.fixture
def life(users: UsersRuntime, own: Callable[..., Bundle]) -> Iterator[Life]:
    one = Life(users, own("sleep"))
    yield one
    one.end()


def test_a_user_runs_a_container(users: UsersRuntime, own: Callable[..., Bundle]) -> None:
    """The root inside is the user outside, without the help of newuidmap(1), and holds what config.json grants."""
    made = own("all")
    made.file("etc/passwd", "root:x:0:0::/:/bin/sh\n")
    found = users.run(made).json
    assert (found["uid"], found["gid"], found["pid"]) == (0, 0, 1)
    outer = Process()
    for kind, name in (("user", "user"), ("mount", "mnt"), ("pid", "pid"), ("network", "net"), ("uts", "uts")):
        assert found["namespaces"][name] != outer.namespace(kind)
    assert found["capabilities"]["effective"] != 0
    made.process["args"] = ["/probe", "read", "/proc/self/uid_map", "/proc/self/gid_map", "/proc/self/setgroups"]
    told = [entry["text"].split() for entry in users.run(made).json.values()]
    assert told == [["0", str(UID), "1"], ["0", str(UID), "1"], ["deny"]]


@pytest.mark.only("minirun", "only it writes such a script")
def test_so_does_a_script(own: Callable[..., Bundle]) -> None:
    """explain --script, for the user: what root need not do, such as mapping nothing but the own ids."""
    made = own()
    as_user = Options(id="by-hand", bundle=str(made.path), uid=UID, gid=UID, rootless=True, cgroup_manager=INHERITED)
    made.write()
    (made.path / "script").write_text(script(as_user))
    done = subprocess.run(
        [*BECOME, "bash", str(made.path / "script")], check=True, capture_output=True, text=True, timeout=TIMEOUT
    )
    told = json.loads(done.stdout)
    assert told["uid_map"][0].split() == ["0", str(UID), "1"]
    assert (told["uid"], told["pid"]) == (0, 1)


@pytest.mark.only("minirun", "what each runtime can do without a cgroup differs")
def test_so_does_the_root_of_a_user_namespace(users: UsersRuntime, own: Callable[..., Bundle], place: Path) -> None:
    """As unshare(1) and engines make it, with one group: then nobody inside may set any."""
    made = own()
    made.user_namespace(0, 1)
    users.install(place)
    users.argv = [*BECOME, "unshare", "--map-root-user", "--mount", *users.argv[len(BECOME) :]]
    with nothing_left("minirun", users.books):
        assert users.run(made).json["gid"] == 0
        users.argv.remove("--mount")
        assert "unshare has --mount" in users.run(made).stderr


@pytest.mark.only("minirun", "how each runtime's default is meant differs")
def test_what_spec_writes_runs(users: UsersRuntime, own: Callable[..., Bundle]) -> None:
    """With a terminal, and with /sys of the host, of which the user may write to nothing (CVE-2023-25809)."""
    made = own()
    words = [*users.argv, "spec", "--rootless", "--bundle", str(made.path)]
    subprocess.run(words, env=users.environment, check=True, timeout=TIMEOUT)
    made.config = json.loads((made.path / "config.json").read_text())
    assert made.process["terminal"] is True
    made.process["args"] = ["/probe"]
    with nothing_left("minirun", users.books):
        found = json.loads(users.run(made).stdout)
    below = [line for line in found["mountinfo"] if " /sys" in line]
    assert below and all("ro" in line.split()[5].split(",") for line in below)
    mounted = mounted_at(found["mountinfo"], "/sys/fs/cgroup")
    assert mounted.type in ("cgroup2", "tmpfs")
    assert found["terminal"]["isatty"] == [True, True, True]


@pytest.mark.only("minirun", "what each runtime can do without a cgroup differs")
def test_a_life_without_a_cgroup(runtime: Runtime, users: UsersRuntime, life: Life) -> None:
    with nothing_left("minirun", users.books):
        life.created()
        assert stat.S_IMODE(os.stat(users.books / "minirun").st_mode) & 0o777 == 0o700
        assert "start" in life.line("exec", life.id, "/probe", "exit").stderr
        assert life.start().status == 0
        pid = life.state()["pid"]
        assert Process(pid).cgroup() == Process().cgroup()
        assert Process(pid).status()["Uid"].split() == [str(UID)] * 4
        assert life.line("list", "--quiet").stdout == f"{life.id}\n"
        inside = life.line("exec", life.id, "/probe").json
        assert inside["namespaces"] == {**inside["namespaces"], **namespaces(pid)}
        refused = as_root(runtime, users, "exec", life.id, "/probe")  # what that is, and where, is the user's choice
        assert refused.returncode == 255
        assert f"sudo -u '#{UID}'" in refused.stderr
        assert life.line("ps", "--format", "json", life.id).json == [pid]
        for command in ("pause", "events --stats", "update --memory 100M"):
            refused = life.line(*command.split(), life.id)
            assert refused.status == 1
            assert "--systemd-cgroup" in refused.stderr
        assert life.kill("KILL", options=["--all"]).status == 0
        life.wait_for(lambda: has_ended(pid))
        assert life.delete().status == 0


def namespaces(pid: int) -> dict[str, str]:
    return {entry.name: os.readlink(entry) for entry in Path(f"/proc/{pid}/ns").iterdir() if "_for_" not in entry.name}


def as_root(runtime: Runtime, users: UsersRuntime, *words: str) -> subprocess.CompletedProcess[str]:
    command = [*runtime.argv, "--root", str(users.books / "minirun"), *words]
    return subprocess.run(
        command, env=runtime.environment, capture_output=True, text=True, timeout=TIMEOUT, check=False
    )


@pytest.mark.only("minirun", "the words are its own")
@needs.cgroup2()
def test_errors_come_early_and_name_a_cure(users: UsersRuntime, own: Callable[..., Bundle], place: Path) -> None:
    made = own()
    with nothing_left("minirun", users.books):
        made.linux["resources"] = {"pids": {"limit": 10}}
        refused = users.run(made)
        assert refused.refused
        assert "/linux/resources/pids/limit" in refused.stderr
        assert "--systemd-cgroup" in refused.stderr

        del made.linux["resources"]
        made.linux["cgroupsPath"] = "/minirun-test-of-nobody"
        refused = users.run(made)
        assert refused.refused
        assert "--systemd-cgroup" in refused.stderr
        root = cgroup2_root()
        assert root and not (root / "minirun-test-of-nobody").exists()

        del made.linux["cgroupsPath"]
        made.linux["devices"] = [{"type": "p", "path": "/dev/fifo", "uid": 5}]
        assert "must be mapped" in users.run(made).stderr

        roots = place / "roots"
        (roots / "web").mkdir(parents=True)
        (roots / "web/state.json").touch(0o600)
        roots.chmod(0o711)
        for words in (["list"], ["state", "web"]):
            command = [*users.argv, "--root", str(roots), *words]
            told = subprocess.run(command, env=users.environment, capture_output=True, text=True, check=False)
            assert "belongs to another user" in told.stderr, told.stderr

        refused = users.run(made, environment={"XDG_RUNTIME_DIR": ""})
        assert refused.refused
        assert "XDG_RUNTIME_DIR" in refused.stderr


@pytest.mark.deviates("runc", "sets no groups in any container without root")
@needs.program("newuidmap")
@needs.program("newgidmap")
def test_more_ids_where_root_has_granted_them(users: UsersRuntime, own: Callable[..., Bundle], place: Path) -> None:
    (place / "passwd").write_text(f"{Path('/etc/passwd').read_text()}\nminirun-test:x:{UID}:{UID}::/:/bin/sh\n")
    for name in ("subuid", "subgid"):
        (place / name).write_text("minirun-test:700000:1000\n")
    made = own("all")
    for name in ("uidMappings", "gidMappings"):
        made.linux[name].append({"containerID": 1, "hostID": 700000, "size": 1000})
    made.process["user"] = {"uid": 5, "gid": 6, "additionalGids": [7]}
    script = SCRIPT.replace(f"exec {' '.join(BECOME)}", "exec")
    found = users.run(made, prefix=["unshare", "--mount", "sh", "-c", script, "sh", str(place)]).json
    assert (found["uid"], found["gid"], found["groups"]) == (5, 6, [7])


@pytest.mark.only("minirun", "it is about the words of its error")
def test_a_system_without_user_namespaces_is_explained(
    runtime: Runtime, users: UsersRuntime, own: Callable[..., Bundle]
) -> None:
    """namespaces(7): the limit is the user namespace's own, so that this one can be set for nobody else."""
    made = own()
    made.write()
    script = 'echo 1 >/proc/sys/user/max_user_namespaces; exec unshare --user --map-user=7 --map-group=7 -- "$@"'
    words = ["unshare", "--map-root-user", "sh", "-c", script, "sh", *users.argv[len(BECOME) :], "run", str(made.path)]
    refused = subprocess.run(words, env=users.environment, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert refused.returncode == 1
    assert "ENOSPC" in refused.stderr or "No space left" in refused.stderr
    assert "user.max_user_namespaces" in refused.stderr


@pytest.mark.only("minirun", "the others are no scripts")
@pytest.mark.parametrize("is_own", [False, True])
@pytest.mark.parametrize("program", ["/proc/self/exe", "/bin/script", "/bin/link"])
def test_the_interpreter_is_out_of_reach(
    users: UsersRuntime, own: Callable[..., Bundle], place: Path, impostor: Path, program: str, is_own: bool
) -> None:
    """CVE-2019-5736: root's belongs to nobody inside; that of the user could be written to by the root inside."""
    if is_own:
        users.use_own_python(place)
    made = own()
    for name in LOADERS:
        made.file(name).write_bytes(impostor.read_bytes())
        (made.rootfs / name).chmod(0o755)
    made.file("bin/script", "#!/proc/self/exe\n", 0o755)
    made.link("bin/link", "/proc/self/exe")
    made.process["args"] = [program]
    result = users.run(made)
    if is_own:
        check(result, made)
    elif result.status == 0:
        assert result.json["/proc/self/fd/9"]["write"] == "EACCES"


@pytest.mark.only("minirun", "it goes by its plan")
def test_a_failure_of_the_runtime_leaves_nothing(users: UsersRuntime, own: Callable[..., Bundle]) -> None:
    """At each step of the runtime's, on an emulated machine at some; the container's leave nothing, whoever runs it."""
    made = own("exit")
    made.namespace("cgroup")
    made.mount("/sys/fs/cgroup", kind="cgroup")
    made.write()
    options = Options(
        "x", str(made.path), uid=UID, gid=UID, rootless=True, cgroup_manager=INHERITED, notify_socket="@x"
    )
    steps = plan(load(str(made.path)), options)
    indexes = [index for index, step in enumerate(steps) if step.runs_in == RUNTIME]
    for index in indexes if PATIENCE == 1 else indexes[3::4]:
        with nothing_left("minirun", users.books):
            failed = users.drive(made, index)
        assert failed.returncode == 1
        assert f"{index + 1} of {len(steps) + 1}" in failed.stderr, failed.stderr
        assert "the test wants it" in failed.stderr


@needs.controller("memory")
@needs.controller("pids")
def test_limits_by_the_users_own_systemd(runtime: Runtime, place: Path, bundle: Callable[..., Bundle]) -> None:
    """Controllers that are delegated are the user's to share out: systemd.resource-control(5), Delegate=."""
    made = bundle("sleep")
    made.linux["resources"] = {"memory": {"limit": 64 << 20}, "pids": {"limit": 50}}
    with somebody_with_systemd() as uid:
        give(made, uid)
        one = Life(LoggedInRuntime(runtime, place, uid), made)
        try:
            assert one.line("run", "--detach", "--bundle", str(made.path), one.id).status == 0
            cgroup = Path(f"{cgroup2_root()}{one.process.cgroup()}")
            assert f"/user@{uid}.service/" in str(cgroup)
            unit = cgroup.parent if runtime.name == "crun" else cgroup  # limits may be of either
            assert one.call("update", options=["--memory", str(32 << 20)]).status == 0
            assert f"{32 << 20}\n" in [(place / "memory.max").read_text() for place in (unit, cgroup)]
            assert "50\n" in [(place / "pids.max").read_text() for place in (unit, cgroup)]
            if runtime.name == "minirun":  # the others can't move a process there from another part of the tree
                told = one.line("exec", one.id, "/probe", "exit", "7")
                assert told.status == 7, told
                exec_where_the_cgroup_is_divided(one, cgroup, uid)
            assert one.call("pause").status == 0
            assert "frozen 1\n" in (cgroup / "cgroup.events").read_text()
        finally:
            one.end()
        assert not unit.exists()
        assert not (Path(f"/run/user/{uid}") / runtime.name / one.id).exists()


def exec_where_the_cgroup_is_divided(one: Life, cgroup: Path, uid: int) -> None:
    """As a systemd in the container does it: its own cgroup has no room for processes any more (cgroups(7))."""
    below = cgroup / "below"
    below.mkdir()
    for place in (below, below / "cgroup.procs"):
        os.chown(place, uid, -1)
    (below / "cgroup.procs").write_text(str(one.state()["pid"]))
    (cgroup / "cgroup.subtree_control").write_text("+memory +pids")
    told = one.line("exec", one.id, "/probe", "exit", "8")
    assert told.status == 8, told
