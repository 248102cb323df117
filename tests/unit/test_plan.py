"""minirun.plan: config.json as a list of steps, without privilege and without asking the kernel."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import minirun
from minirun import steps as steps_package
from minirun.errors import ConfigError, MinirunError
from minirun.kernel import constants as c
from minirun.plan import mount_options
from minirun.plan.container import Options, plan
from minirun.plan.limits import cgroup_path
from minirun.plan.mounts import mount_steps, read_only_steps, sort_options
from minirun.plan.namespaces import join_steps
from minirun.spec.config import IdMapping, Linux, Mount, Namespace
from minirun.spec.default import default
from minirun.spec.load import parse
from minirun.steps.binds import BindMount
from minirun.steps.cgroup_entry import JoinCgroup
from minirun.steps.credentials import SetCapabilities
from minirun.steps.joining import OpenNamespace
from minirun.steps.labels import LabelMount, SetExecLabel
from minirun.steps.mapped_mounts import AttachMappedMount, OpenMappedMount
from minirun.steps.masks import MaskPath
from minirun.steps.mount_flags import Change
from minirun.steps.mounts import MountFilesystem
from minirun.steps.namespaces import Unshare
from minirun.steps.network import MoveNetDevice
from minirun.steps.process import StartContainerProcess
from minirun.steps.remounts import ChangeMount, MakeMountReadOnly, Remount
from minirun.steps.resctrl import FindClos, FindResctrl, JoinClos, MakeClos, MakeMonitoringGroup, WriteSchema
from minirun.steps.scheduling import SetMemoryPolicy
from minirun.steps.seccomp import LoadFilter, SendListener
from minirun.steps.sources import LendRoot, OpenSource
from minirun.steps.step import CONTAINER, RUNTIME, Step
from minirun.steps.symlinks import CopySymlink

if TYPE_CHECKING:
    from collections.abc import Iterator

OPTIONS = Options(id="example", bundle="/bundle")
LINUX = Linux(namespaces=(Namespace("mount"), Namespace("cgroup")))


def all_step_classes() -> list[type[Step]]:
    for module in pkgutil.iter_modules(steps_package.__path__):
        importlib.import_module(f"minirun.steps.{module.name}")
    return sorted(descendants(Step), key=lambda kind: kind.__name__)


def descendants(kind: type[Step]) -> Iterator[type[Step]]:
    for child in kind.__subclasses__():
        if child.__module__.startswith("minirun."):
            yield child
            yield from descendants(child)


def plan_of(options: Options = OPTIONS, **changes: Any) -> tuple[Step, ...]:
    """The plan of the default config with some members of `linux` and `process` changed."""
    config = default(rootless=False, uid=0, gid=0)
    for section in ("linux", "process"):
        config[section] |= changes.pop(section, {})
    return plan(parse(config | changes), options)


def names(steps: tuple[Step, ...]) -> list[str]:
    return [type(step).__name__ for step in steps]


# ---- what a step is


@pytest.mark.parametrize("kind", all_step_classes(), ids=lambda kind: kind.__name__)
def test_every_kind_of_step_tells_where_to_read_on(kind: type[Step]) -> None:
    assert kind.man.endswith(")"), "man page with section"
    assert kind.chapter
    assert kind.runs_in in (RUNTIME, CONTAINER)
    assert kind.shell is not Step.shell or kind.no_shell, "a shell command, or why there is none"
    assert "undo" not in kind.__dict__ or kind.runs_in == RUNTIME, "the container's process undoes nothing"


def test_the_default_plan_can_be_told() -> None:
    for step in plan_of():
        assert step.describe()
        assert not step.describe().endswith(".")
        shell = step.shell()
        assert shell is None or shell.strip()


def test_every_origin_exists_in_config_json() -> None:
    config = default(rootless=False, uid=0, gid=0)
    for step in plan(parse(config), OPTIONS):
        value: Any = config
        for part in step.place.split("/")[1:]:
            # Absent properties may be the reason for a step, too: a umask that is to stay as it is.
            value = value[int(part)] if isinstance(value, list) else value.get(part, {})


# ---- the order, which is what the plan is about


@pytest.mark.parametrize(
    ("first", "then", "why"),
    [
        ("MakeStateDirectory", "MakeCgroup", "the id is taken before anything is made"),
        ("EnableControllers", "StartContainerProcess", "no process without limits"),
        ("StartContainerProcess", "SetLimit", "a limit on processes must not stop the set-up"),
        ("MountFilesystem", "AttachDeviceFilter", "a mount may be of a device that the program must not open"),
        ("AttachDeviceFilter", "Execute", "no program without device rules"),
        ("StartContainerProcess", "Unshare", "the cgroup namespace's root is the cgroup of that moment"),
        ("CloseToTracers", "JoinNamespace", "others in a shared namespace could trace the process (CVE-2016-9962)"),
        ("SetSysctl", "PivotRoot", "the host's /proc is trusted, the container's is not (CVE-2025-52881)"),
        ("MaskPath", "PivotRoot", "all mounts are made by descriptors of the host's /proc"),
        ("SetRootPropagation", "BindRootfs", "no mount may reach the host"),
        ("MakeRootReadOnly", "PivotRoot", "and after the last mount point"),
        ("MountFilesystem", "MakeDevice", "/dev is mounted by then"),
        ("SetRlimit", "SetUser", "the runtime loses its say over the process with the change of user"),
        ("MakeWorkingDirectory", "MakeRootReadOnly", "it may have to be made"),
        ("ChangeDirectory", "SetRlimit", "what opens files comes before a limit on open files"),
        ("KeepDescriptors", "ChangeDirectory", "a directory that is open on the host must be no way out"),
        ("DropBoundingSet", "SetUser", "dropping takes CAP_SETPCAP"),
        ("SetUser", "SetCapabilities", "a change of user clears the sets"),
        ("SetCapabilities", "FindProgram", "the program is looked up with its own rights"),
        ("WriteState", "Execute", "the books are in order before the program runs"),
    ],
)
def test_the_order(first: str, then: str, why: str) -> None:
    namespaces = [{"type": kind} for kind in ("pid", "ipc", "uts", "mount")]
    namespaces.append({"type": "network", "path": "/proc/1/ns/net"})
    steps = names(
        plan_of(
            linux={
                "namespaces": namespaces,
                "sysctl": {"kernel.msgmax": "8192"},
                "resources": {"pids": {"limit": 7}},
            }
        )
    )
    assert max(i for i, name in enumerate(steps) if name == first) < steps.index(then), why


def test_limits_that_would_hit_the_set_up_come_when_it_is_done() -> None:
    limits = {"memory": {"limit": 1 << 26}, "cpu": {"quota": 1000, "burst": 500}, "pids": {"limit": 7}}
    shown = [getattr(step, "name", type(step).__name__) for step in plan_of(linux={"resources": limits})]
    started, done = shown.index("StartContainerProcess"), shown.index("ChangeDirectory")
    assert shown.index("memory.max") < started
    assert done < shown.index("cpu.max") < shown.index("cpu.max.burst") < shown.index("pids.max")


def test_the_program_is_the_last_step() -> None:
    """After it, the runtime only looks whether it runs."""
    assert names(plan_of())[-2:] == ["Execute", "SeeProgramRun"]


def test_each_process_has_its_turn_only_after_it_exists() -> None:
    steps = plan_of()
    start = names(steps).index("StartContainerProcess")
    assert all(step.runs_in == RUNTIME for step in steps[: start + 1])


def test_a_process_is_needed_to_run() -> None:
    config = default(rootless=False, uid=0, gid=0)
    del config["process"]
    with pytest.raises(ConfigError) as caught:
        plan(parse(config), OPTIONS)
    assert caught.value.pointer == "/process"


def test_a_user_namespace_comes_alone_and_first() -> None:
    ids = [{"containerID": 0, "hostID": 1000, "size": 10}]
    kinds = [{"type": kind} for kind in ("pid", "user", "mount", "network")]
    steps = plan_of(linux={"namespaces": kinds, "uidMappings": ids, "gidMappings": ids}, hostname=None)
    unshared = [step.types for step in steps if type(step).__name__ == "Unshare"]  # type: ignore[attr-defined]
    assert unshared == [("user",), ("network", "pid", "mount")]
    assert "MakeDevice" not in names(steps), "nobody may make devices there"


NO_FORK = [{"type": "mount"}]
PIDS = [*NO_FORK, {"type": "pid"}]


@pytest.mark.parametrize(
    ("namespaces", "first", "types"),
    [
        (NO_FORK, False, ("mount",)),
        (PIDS, True, ("mount",)),
        ([*PIDS, {"type": "network", "path": "/n"}], True, ("mount",)),
        ([*NO_FORK, {"type": "pid", "path": "/p"}], False, ("mount",)),
        ([*PIDS, {"type": "user", "path": "/u"}], False, ("pid", "mount")),
        ([*PIDS, {"type": "time"}], False, ("pid", "time", "mount")),
    ],
    ids=["none", "new", "others joined", "joined", "of another user namespace", "with other clocks"],
)
def test_where_the_container_is_the_first_process_of_its_pid_namespace_from_the_beginning(
    namespaces: list[Any], first: bool, types: tuple[str, ...]
) -> None:
    """Where not, it forks once more; but never without need."""
    steps = plan_of(linux={"namespaces": namespaces}, hostname=None)
    assert started(steps) == StartContainerProcess(JoinCgroup(), first, "/linux/namespaces" if first else "")
    assert [step.types for step in steps if isinstance(step, Unshare)] == [types]
    forks_again = not first and "pid" in {one["type"] for one in namespaces}
    assert {"ForkIntoNamespaces", "AdoptContainer"}.issubset(names(steps)) is forks_again


@pytest.mark.parametrize("manager", ["cgroupfs", "systemd", "disabled"])
def test_only_in_a_cgroup_of_minirun_s_making_the_process_is_born(manager: str) -> None:
    steps = plan(parse(default(rootless=False, uid=0, gid=0)), OPTIONS.replace(cgroup_manager=manager))
    assert bool(started(steps).cgroup) is (manager == "cgroupfs")
    assert started(steps).new_pid_namespace and "JoinCgroup" not in names(steps)


def started(steps: tuple[Step, ...]) -> StartContainerProcess:
    return next(step for step in steps if isinstance(step, StartContainerProcess))


def test_without_a_mount_namespace_nothing_is_done_to_the_hosts_own_mounts() -> None:
    volume = {"destination": "/volume", "source": "/srv", "options": ["bind"]}
    steps = plan_of(linux={"namespaces": []}, hostname=None, mounts=[volume])
    assert names(steps).index("BindRootfsOutside") < names(steps).index("HoldRoot") < names(steps).index("ChangeRoot")
    assert {"SetRootPropagation", "PivotRoot", "DetachOldRoot", "MoveRoot"}.isdisjoint(names(steps))
    bound = next(step for step in steps if isinstance(step, BindMount))
    assert bound.changes[0] == Change(propagation=c.MS_SLAVE, recursive=True)


def test_no_pivot_moves_the_root() -> None:
    config = parse(default(rootless=False, uid=0, gid=0))
    steps = names(plan(config, OPTIONS.replace(no_pivot=True)))
    assert "MoveRoot" in steps
    assert "PivotRoot" not in steps


# ---- the system call filter

FILTER = {"defaultAction": "SCMP_ACT_LOG", "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ALLOW"}]}
NOTIFY = {
    "defaultAction": "SCMP_ACT_ALLOW",
    "listenerPath": "agent.sock",
    "listenerMetadata": "words",
    "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}],
}


def filtered(seccomp: dict[str, Any], no_new_privileges: bool) -> tuple[Step, ...]:
    return plan_of(linux={"seccomp": seccomp}, process={"noNewPrivileges": no_new_privileges})


def test_a_filter_is_compiled_before_there_are_two_processes() -> None:
    steps = names(filtered(FILTER, False))
    assert steps.index("CompileFilter") < steps.index("StartContainerProcess")
    assert not {"CompileFilter", "LoadFilter"} & set(names(plan_of()))


def test_without_no_new_privs_one_capability_stays_until_the_filter_is_there() -> None:
    steps = filtered(FILTER, False)
    (kept,) = (step.until_filter for step in steps if isinstance(step, SetCapabilities))
    assert kept == ("CAP_SYS_ADMIN",)
    assert names(steps)[-5:] == ["LoadFilter", "GiveUpFilterRights", "WriteState", "Execute", "SeeProgramRun"]


def test_a_program_that_has_it_keeps_it() -> None:
    sets = {name: ["CAP_SYS_ADMIN"] for name in ("bounding", "effective", "permitted")}
    changed = {"noNewPrivileges": False, "capabilities": sets}
    steps = names(plan_of(linux={"seccomp": FILTER}, process=changed))
    assert "LoadFilter" in steps and "GiveUpFilterRights" not in steps


@pytest.mark.parametrize(
    ("action", "late"), [("SCMP_ACT_ERRNO", True), ("SCMP_ACT_KILL", True), ("SCMP_ACT_LOG", False)]
)
def test_a_filter_that_would_not_let_it_wait_is_loaded_by_start(action: str, late: bool) -> None:
    changed = {"linux": {"seccomp": {"defaultAction": action}}, "process": {"noNewPrivileges": False}}
    steps = names(plan_of(OPTIONS.replace(wait_for_start=True), **changed))
    assert (steps.index("WaitForStart") < steps.index("LoadFilter")) is late
    assert steps.index("LoadFilter") < steps.index("GiveUpFilterRights")


@pytest.mark.parametrize("no_new_privileges", [True, False])
def test_the_filter_is_for_the_hooks_of_the_container_too(no_new_privileges: bool) -> None:
    hooks = {"startContainer": [{"path": "/hook"}]}
    changed = {"noNewPrivileges": no_new_privileges}
    steps = names(plan_of(linux={"seccomp": FILTER}, process=changed, hooks=hooks))
    assert steps.index("MakeHookFiles") < steps.index("LoadFilter") < steps.index("RunStartContainerHook")


def test_with_no_new_privs_only_the_program_comes_after_the_filter() -> None:
    steps = names(filtered(FILTER, True))
    assert steps[-3:] == ["LoadFilter", "Execute", "SeeProgramRun"]
    assert "SetNoNewPrivs" in steps[:-3]


@pytest.mark.parametrize("no_new_privileges", [True, False])
def test_the_listener_is_sent_as_soon_as_it_is_there(no_new_privileges: bool) -> None:
    steps = filtered(NOTIFY, no_new_privileges)
    place = names(steps).index("LoadFilter") + 1
    sent = steps[place]
    assert isinstance(sent, SendListener)
    assert (sent.path, sent.metadata, sent.state.id) == ("/bundle/agent.sock", "words", "example")


@pytest.mark.parametrize(
    ("given", "seccomp", "wanted"),
    [
        ([], FILTER, 0),
        (["LOG", "SPEC_ALLOW"], FILTER, c.SECCOMP_FILTER_FLAG_LOG | c.SECCOMP_FILTER_FLAG_SPEC_ALLOW),
        (["TSYNC"], FILTER, c.SECCOMP_FILTER_FLAG_TSYNC | c.SECCOMP_FILTER_FLAG_TSYNC_ESRCH),
        (["WAIT_KILLABLE_RECV"], FILTER, 0),
        ([], NOTIFY, c.SECCOMP_FILTER_FLAG_NEW_LISTENER),
        (
            ["WAIT_KILLABLE_RECV"],
            NOTIFY,
            c.SECCOMP_FILTER_FLAG_NEW_LISTENER | c.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
        ),
    ],
)
def test_the_flags_of_the_filter(given: list[str], seccomp: dict[str, Any], wanted: int) -> None:
    steps = filtered({**seccomp, "flags": [f"SECCOMP_FILTER_FLAG_{name}" for name in given]}, True)
    (flags,) = (step.flags for step in steps if isinstance(step, LoadFilter))
    assert flags == wanted


# ---- mounts

ALL_WORDS = sorted(
    {"defaults", "tmpcopyup", "idmap", "ridmap", *mount_options.SYMLINKS, *mount_options.FLAGS}
    | {prefix + word for word in (*c.PROPAGATION, *mount_options.ATTRIBUTES) for prefix in ("", "r")}
)


def mounts(*words: str, kind: str = "tmpfs", source: str | None = "tmpfs") -> list[Step]:
    return mount_steps(Mount("/mnt", kind, source, words), "/mounts/0", "/bundle", LINUX)


def test_the_specs_table_is_complete() -> None:
    """config.md, "Linux mount options"."""
    table = """
        async atime bind defaults dev diratime dirsync exec iversion lazytime loud noatime nodev
        nodiratime noexec noiversion nolazytime norelatime nostrictatime nosuid nosymfollow private
        ratime rbind rdev rdiratime relatime remount rexec rnoatime rnodiratime rnoexec rnorelatime
        rnostrictatime rnosuid rnosymfollow ro rprivate rrelatime rro rrw rshared rslave
        rstrictatime rsuid rsymfollow runbindable rw shared silent slave strictatime suid symfollow
        sync tmpcopyup unbindable mand nomand rnodev idmap ridmap
    """
    assert set(table.split()) <= set(ALL_WORDS)


@given(st.lists(st.sampled_from(ALL_WORDS), max_size=5))
def test_no_known_word_is_passed_on_as_data(words: list[str]) -> None:
    assert sort_options(tuple(words)).data == ()


def test_unknown_words_are_the_file_systems_own() -> None:
    (step,) = mounts("nosuid", "size=1m", "mode=755")
    assert step == MountFilesystem("tmpfs", "tmpfs", "/mnt", c.MS_NOSUID, "size=1m,mode=755", "/mounts/0")


def test_later_words_win() -> None:
    assert sort_options(("ro", "rw", "noexec", "exec", "nosuid")).flags == c.MS_NOSUID
    (step,) = mounts("rbind", "ro", "rw", kind="none", source="/etc")
    assert step == BindMount("/etc", "/mnt", True, (Change(0, c.MOUNT_ATTR_RDONLY),), "/mounts/0")


def test_access_time_modes_are_one_field() -> None:
    (change,) = sort_options(("noatime", "strictatime")).changes
    assert change.attr_set == c.MOUNT_ATTR_STRICTATIME
    assert change.attr_clr == c.MOUNT_ATTR__ATIME, "the kernel takes the whole field or nothing"


def test_a_word_that_clears_an_access_time_mode_clears_no_other() -> None:
    (change,) = sort_options(("noatime", "nostrictatime")).changes
    assert change.attr_set == c.MOUNT_ATTR_NOATIME
    (change,) = sort_options(("noatime", "atime")).changes
    assert change.attr_set == 0


def test_later_words_win_over_recursive_ones() -> None:
    (step,) = mounts("rbind", "rro", "rw", kind="none", source="/etc")
    assert isinstance(step, BindMount)
    assert step.changes == (Change(c.MOUNT_ATTR_RDONLY, 0, recursive=True), Change(0, c.MOUNT_ATTR_RDONLY))


@pytest.mark.parametrize(
    ("words", "is_read_only"),
    [("ro", True), ("ro rw", False), ("rw rro", True), ("rro rrw", False), ("ro noexec rslave", True), ("", False)],
)
def test_a_tmpfs_is_read_only_once_all_is_made_in_it(words: str, is_read_only: bool) -> None:
    steps = mounts(*words.split())
    assert isinstance(steps[0], MountFilesystem)
    assert (steps[0].flags & c.MS_RDONLY, steps[0].read_only) == (0, is_read_only)
    ends = [MakeMountReadOnly("/mnt", "/mounts/0")] if is_read_only else []
    assert read_only_steps(steps) == ends
    changes = [change for step in steps[1:] if isinstance(step, ChangeMount) for change in step.changes]
    assert not is_read_only or not any(change.attr_set & c.MOUNT_ATTR_RDONLY for change in changes)


def test_a_disk_is_mounted_read_only_at_once() -> None:
    (step,) = mounts("ro", kind="ext4", source="/dev/vdb")
    assert isinstance(step, MountFilesystem)
    assert step.flags == c.MS_RDONLY and read_only_steps([step]) == []


def test_recursive_words_and_propagation_follow_the_mount() -> None:
    first, second = mounts("rnosuid", "rslave")
    assert isinstance(first, MountFilesystem)
    expected = (Change(c.MOUNT_ATTR_NOSUID, 0, recursive=True), Change(propagation=c.MS_SLAVE, recursive=True))
    assert second == ChangeMount("/mnt", expected, "/mounts/0")


def test_a_relative_source_is_the_bundles_and_a_relative_destination_the_roots() -> None:
    (step,) = mount_steps(Mount("mnt", None, "data", ("bind",)), "/mounts/0", "/bundle", LINUX)
    assert step == BindMount("/bundle/data", "/mnt", False, (), "/mounts/0")


@pytest.mark.parametrize(
    ("source", "inside"),
    [
        ("rootfs/run", "/run"),
        ("/bundle/rootfs/a/../run//x", "/run/x"),
        ("rootfs/", "/"),
        ("rootfs/../data", ""),
        ("/bundle/rootfs-of-others/run", ""),
        ("/rootfs/run", ""),
    ],
)
def test_a_source_below_the_root_is_known_by_its_name(source: str, inside: str) -> None:
    entry = Mount("/mnt", None, source, ("bind",))
    (step,) = mount_steps(entry, "/mounts/0", "/bundle", LINUX, root="/bundle/./rootfs")
    assert isinstance(step, BindMount)
    assert step.inside == inside
    (step,) = mount_steps(entry, "/mounts/0", "/bundle", LINUX, root="/")
    assert isinstance(step, BindMount)
    assert not step.inside


@pytest.mark.parametrize(("source", "path"), [("/srv", "/srv"), ("rootfs/run", "/run")])
def test_in_a_user_namespace_the_runtime_opens_the_source(source: str, path: str) -> None:
    linux = LINUX.replace(namespaces=(Namespace("user", None),))
    entry = Mount("/mnt", None, source, ("bind",))
    lend, opens, step = mount_steps(entry, "/mounts/0", "/bundle", linux, root="/bundle/rootfs")
    assert isinstance(lend, LendRoot) and isinstance(opens, OpenSource) and isinstance(step, BindMount)
    assert lend.is_inside == (path != source) and opens.path == path and step.is_opened


@pytest.mark.parametrize("has_user_namespace", [False, True])
def test_a_mapped_mount_of_the_containers_is_copied_for_the_runtime(has_user_namespace: bool) -> None:
    linux = LINUX.replace(namespaces=(Namespace("user", None),) if has_user_namespace else ())
    steps = mount_steps(MAPPED.replace(source="rootfs/vol"), "/mounts/0", "/bundle", linux, root="/bundle/rootfs")
    opened = ["LendRoot", "OpenSource"] * has_user_namespace
    assert names(steps) == [*opened, "CopySource", "OpenMappedMount", "AttachMappedMount"]


def test_words_about_symlinks() -> None:
    (step,) = mounts("bind", "src-nofollow", kind="none", source="/etc")
    assert step == BindMount("/etc", "/mnt", origin="/mounts/0", follow=False)
    (step,) = mounts("bind", "dest-nofollow", kind="none", source="/etc")
    assert step == BindMount("/etc", "/mnt", origin="/mounts/0", follow_place=False)
    (step,) = mounts("bind", "copy-symlink", kind="none", source="/etc")
    assert step == CopySymlink("/etc", "/mnt", origin="/mounts/0", follow=False)


def test_remount_changes_what_is_there() -> None:
    first, second = mounts("remount", "ro", "rslave")
    assert isinstance(first, Remount)
    assert isinstance(second, ChangeMount)


def test_a_dev_of_the_host_is_left_as_it_is() -> None:
    bound = {"destination": "/dev", "source": "/dev", "options": ["rbind"]}
    config = default(rootless=False, uid=0, gid=0)
    kept = names(plan(parse(config | {"mounts": [*config["mounts"], bound]}), OPTIONS))
    assert not {"MakeDevice", "MakeSymlink"} & set(kept)


@pytest.mark.parametrize(
    ("words", "kind", "source", "pointer"),
    [
        (("bind", "nosuidd"), "none", "/etc", "/mounts/0/options"),
        (("bind",), "none", None, "/mounts/0/source"),
        (("tmpcopyup",), "proc", "proc", "/mounts/0/options"),
        ((), None, "x", "/mounts/0/type"),
    ],
)
def test_a_mount_that_makes_no_sense_is_refused(words: tuple[str, ...], kind: Any, source: Any, pointer: str) -> None:
    with pytest.raises(ConfigError) as caught:
        mounts(*words, kind=kind, source=source)
    assert caught.value.pointer == pointer


# ---- mounts with mapped owners

MAPPED = Mount("/mnt", None, "/vol", ("bind", "ro", "idmap"), (IdMapping(0, 1000, 2),), (IdMapping(5, 6, 7),))
MOUNT_ONLY = Linux(namespaces=(Namespace("mount"),))
WITH_USERS = Linux(namespaces=(Namespace("mount"), Namespace("user")))


def test_the_runtime_maps_and_the_container_attaches() -> None:
    opened, attached = mount_steps(MAPPED, "/mounts/3", "/bundle", MOUNT_ONLY)
    maps = ((0, 1000, 2),), ((5, 6, 7),)
    assert opened == OpenMappedMount("/vol", False, False, *maps, c.MS_SLAVE, "/mounts/3")
    assert attached == AttachMappedMount("/mnt", (Change(c.MOUNT_ATTR_RDONLY),), "/mounts/3")
    assert (opened.runs_in, attached.runs_in) == (RUNTIME, CONTAINER)


def test_without_mappings_those_of_the_user_namespace_count() -> None:
    bare = MAPPED.replace(uid_mappings=(), gid_mappings=(), options=("rbind", "ridmap"))
    opened, _attached = mount_steps(bare, "/mounts/0", "/bundle", WITH_USERS)
    assert opened == OpenMappedMount("/vol", True, True, (), (), c.MS_SLAVE, "/mounts/0")


@pytest.mark.parametrize(
    ("propagation", "kind"), [(None, c.MS_SLAVE), ("private", c.MS_PRIVATE), ("shared", 0), ("slave", c.MS_SLAVE)]
)
def test_a_mapped_mount_is_cut_off_like_the_others(propagation: str | None, kind: int) -> None:
    opened, _ = mount_steps(MAPPED, "/mounts/0", "/bundle", MOUNT_ONLY.replace(rootfs_propagation=propagation))
    assert isinstance(opened, OpenMappedMount)
    assert opened.propagation == kind


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"uid_mappings": (), "gid_mappings": ()}, "/mounts/0/options"),
        ({"options": ("idmap",), "type": "tmpfs"}, "/mounts/0"),
        ({"options": (), "type": "tmpfs"}, "/mounts/0"),
        ({"options": ("remount", "bind", "idmap")}, "/mounts/0"),
        ({"source": None}, "/mounts/0/source"),
    ],
)
def test_a_mapping_that_makes_no_sense_is_refused(changes: dict[str, Any], pointer: str) -> None:
    with pytest.raises(ConfigError) as caught:
        mount_steps(MAPPED.replace(**changes), "/mounts/0", "/bundle", MOUNT_ONLY)
    assert caught.value.pointer == pointer


# ---- cgroups


@pytest.mark.parametrize("manager", ["disabled", "inherited"])
def test_without_a_cgroup_there_is_none_below(manager: str) -> None:
    config = default(rootless=False, uid=0, gid=0) | {"annotations": {"run.oci.delegate-cgroup": "init"}}
    config["linux"]["resources"] = {}
    with pytest.raises(ConfigError) as caught:
        plan(parse(config), OPTIONS.replace(cgroup_manager=manager))
    assert caught.value.pointer == "/annotations/run.oci.delegate-cgroup"


# ---- labels

LABEL = "system_u:object_r:container_file_t:s0:c1,c2"


def test_labels_are_looked_at_first_and_put_on_last() -> None:
    steps = plan_of(
        process={"apparmorProfile": "strict", "selinuxLabel": LABEL, "noNewPrivileges": True},
        linux={"mountLabel": LABEL},
    )
    kinds = names(steps)
    assert kinds.count("RequireSecurityModule") == 3
    assert kinds.index("RequireSecurityModule") < kinds.index("MakeCgroup")
    assert kinds.index("StartContainerProcess") < kinds.index("OpenExecAttribute") < kinds.index("PivotRoot")
    assert kinds.index("PivotRoot") < kinds.index("SetExecLabel") < kinds.index("SetNoNewPrivs")
    written = [step.text() for step in steps if isinstance(step, SetExecLabel)]
    assert written == ["exec strict", LABEL]


def test_only_file_systems_that_take_a_label_get_one() -> None:
    steps = plan_of(linux={"mountLabel": LABEL, "maskedPaths": ["/proc/acpi"]})
    told = {step.destination: step.data for step in steps if isinstance(step, MountFilesystem)}
    assert {place for place, data in told.items() if "context" in data} == {"/dev", "/dev/pts", "/dev/shm"}
    assert told["/dev/shm"].endswith(f',context="{LABEL}"')
    assert LabelMount("/dev/mqueue", LABEL) in steps
    assert [step.data for step in steps if isinstance(step, MaskPath)] == [f'context="{LABEL}"']


def test_a_label_in_the_options_wins() -> None:
    (step,) = mount_steps(
        Mount("/mnt", "tmpfs", "x", ("context=x",)), "/mounts/0", "/", LINUX.replace(mount_label=LABEL)
    )
    assert isinstance(step, MountFilesystem)
    assert step.data == "context=x"


def test_a_label_can_be_told_by_another_option() -> None:
    """Podman asks for rootcontext, so that files of a tmpfs can have labels of their own."""
    steps = plan_of(linux={"mountLabel": LABEL}, annotations={"run.oci.mount_context_type": "rootcontext"})
    (shm,) = (step for step in steps if isinstance(step, MountFilesystem) and step.destination == "/dev/shm")
    assert shm.data.endswith(f',rootcontext="{LABEL}"')


def test_without_labels_there_are_no_steps_for_them() -> None:
    assert not {"RequireSecurityModule", "OpenExecAttribute", "SetExecLabel"} & set(names(plan_of()))


# ---- devices, memory and caches of the machine


def test_network_devices_move_before_the_sysctls_about_them() -> None:
    steps = plan_of(linux={"netDevices": {"eth1": {"name": "net%d"}}, "sysctl": {"net.ipv4.ip_forward": "1"}})
    moved = next(step for step in steps if isinstance(step, MoveNetDevice))
    assert moved == MoveNetDevice("eth1", "net%d", "/linux/netDevices/eth1")
    kinds = names(steps)
    assert kinds.index("Unshare") < kinds.index("MoveNetDevice") < kinds.index("SetSysctl")


def test_the_hosts_own_network_namespace_gets_no_device() -> None:
    namespaces = [{"type": "mount"}, {"type": "network", "path": "/proc/1/ns/net"}]
    steps = plan_of(linux={"netDevices": {"eth1": {}}, "namespaces": namespaces}, hostname=None)
    assert [step.changed_by for step in steps if isinstance(step, OpenNamespace)] == ["/linux/netDevices"]


@pytest.mark.parametrize(("uid", "changed_by"), [(0, ""), (1000, "/linux/sysctl")])
def test_root_who_names_the_hosts_network_may_set_something_there(uid: int, changed_by: str) -> None:
    config = default(rootless=False, uid=0, gid=0)
    namespaces = [{"type": "mount"}, {"type": "network", "path": "/proc/1/ns/net"}]
    config["linux"] |= {"namespaces": namespaces, "sysctl": {"net.ipv4.ip_forward": "1"}}
    steps = join_steps(parse(config | {"hostname": None}), uid)
    assert [step.changed_by for step in steps if isinstance(step, OpenNamespace)] == [changed_by]


def test_a_memory_policy() -> None:
    steps = plan_of(linux={"memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0-1", "flags": ["MPOL_F_STATIC_NODES"]}})
    assert SetMemoryPolicy("MPOL_BIND", (0, 1), ("MPOL_F_STATIC_NODES",)) in steps


def rdt_steps(told: dict[str, Any]) -> list[Step]:
    return [step for step in plan_of(linux={"intelRdt": told}) if step.chapter == "resctrl"]


RDT = "/linux/intelRdt"


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, [MakeClos("example", False, ()), JoinClos("example")]),
        ({"closID": "gold"}, [FindClos("gold"), JoinClos("gold")]),
        ({"closID": "/"}, [JoinClos("")]),
        (
            {"closID": "gold", "schemata": ["L2:0=f"], "memBwSchema": "MB:0=20", "l3CacheSchema": "L3:0=f\nMB:0=10"},
            [
                MakeClos("gold", True, ("L3:0=f", "MB:0=20")),
                WriteSchema("gold", "L3:0=f", f"{RDT}/l3CacheSchema"),
                WriteSchema("gold", "MB:0=20", f"{RDT}/memBwSchema"),
                WriteSchema("gold", "L2:0=f", f"{RDT}/schemata/0"),
                JoinClos("gold"),
            ],
        ),
        (
            {"closID": "/", "enableMonitoring": True},
            [MakeMonitoringGroup("", "example"), JoinClos(""), JoinClos("mon_groups/example")],
        ),
        (
            {"enableMonitoring": True},
            [
                MakeClos("example", False, ()),
                MakeMonitoringGroup("example", "example"),
                JoinClos("example"),
                JoinClos("example/mon_groups/example"),
            ],
        ),
    ],
)
def test_classes_of_service(told: dict[str, Any], expected: list[Step]) -> None:
    assert rdt_steps(told) == [FindResctrl(), *expected]


def test_the_final_process_joins_its_class_of_service() -> None:
    kinds = names(plan_of(linux={"intelRdt": {}}))
    assert kinds.index("Execute") > kinds.index("JoinClos") > kinds.index("StartContainerProcess")
    assert kinds.index("MakeClos") < kinds.index("StartContainerProcess")


# ---- cgroups


@pytest.mark.parametrize(
    ("told", "path"),
    [
        (None, "/minirun/id"),
        ("", "/minirun/id"),
        ("/a/b", "/a/b"),
        ("a/b", "/minirun/a/b"),
        ("//a/./b/", "/a/b"),
    ],
)
def test_cgroups_path(told: str | None, path: str) -> None:
    assert cgroup_path(Linux(cgroups_path=told), "id") == path


@pytest.mark.parametrize("told", ["/", "/../x", "a/../../x", "."])
def test_a_cgroups_path_that_is_no_place_of_its_own_is_refused(told: str) -> None:
    with pytest.raises(ConfigError):
        cgroup_path(Linux(cgroups_path=told), "id")


# ---- any config

scalars = st.none() | st.booleans() | st.integers(-2, 70000) | st.text("ab.\0é", max_size=5)
parts = {
    "hostname": st.none() | st.text("ab.\0é", min_size=1, max_size=5),
    "linux": st.fixed_dictionaries(
        {},
        optional={
            "maskedPaths": st.lists(st.just("/proc/x"), max_size=2),
            "rootfsPropagation": st.sampled_from(["shared", "rslave", "private", "runbindable"]),
            "namespaces": st.lists(
                st.fixed_dictionaries(
                    {"type": st.sampled_from(["pid", "mount", "user", "uts", "time", "cgroup"])},
                    optional={"path": st.just("/proc/1/ns/x")},
                ),
                max_size=4,
            ),
            "devices": st.lists(
                st.fixed_dictionaries({"path": st.just("/dev/x"), "type": st.just("c"), "major": scalars}), max_size=2
            ),
        },
    ),
}


@given(st.fixed_dictionaries({}, optional=parts))
def test_any_config_is_a_plan_or_an_error(changes: dict[str, Any]) -> None:
    try:
        steps = plan_of(**changes)
    except MinirunError:
        return
    assert names(steps)[0] == "MakeStateDirectory"
    assert names(steps)[-2:] == ["Execute", "SeeProgramRun"]
    assert names(steps).count("StartContainerProcess") == 1
    for step in steps:
        assert step.describe()
        assert step.calls() or step.no_calls
        assert step.shell() or step.no_shell


# ---- the path of a run can be read aloud


def test_no_function_is_longer_than_50_lines() -> None:
    long = []
    for path in Path(minirun.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
                length = node.end_lineno - node.lineno + 1
                if length > 50:
                    long.append(f"{path.name}:{node.name} {length}")
    assert long == []


def test_an_error_shows_what_it_has_found_without_moving_the_cursor() -> None:
    mount = {"destination": "/volume", "source": "/srv", "options": ["bind", "\x1b[2Jx"]}
    with pytest.raises(ConfigError, match=r"found '\\x1b\[2Jx'"):
        plan_of(mounts=[mount])
