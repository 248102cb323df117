"""minirun run --without: the plan that lacks a protection, who may have it, and what is said. That it is lacking indeed
is seen by tests/kernel/test_without.py."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from minirun.cli import quick
from minirun.cli.completion import of_option
from minirun.cli.table import RUN
from minirun.errors import StateError
from minirun.plan.container import Options, plan, planned
from minirun.plan.without import BEFORE, IMPOSSIBLE, OF_CONFIG, OF_STEPS
from minirun.spec.default import default
from minirun.spec.load import parse
from minirun.teach import left_out, throw_away
from minirun.teach.protections import PROTECTIONS
from minirun.teach.without import ALL, uses, without

if TYPE_CHECKING:
    from pathlib import Path

    from minirun.steps.step import Step

NAMES = [protection.name for protection in PROTECTIONS]
# What goes with it, since it is made of the same, or of what is not there then.
ALSO = {"mount": {"pivot", "detach", "propagation"}, "pivot": {"detach"}, "capabilities": {"bounding-set"}}
# Its steps stay: another behind them opens the process again.
UNDONE = {"tracers"}
MAPS = [{"containerID": 0, "hostID": 100000, "size": 65536}]


def protected(*names: str, **changes: Any) -> tuple[Step, ...]:
    """The plan of a container with every protection, without some."""
    config = default(rootless=False, uid=0, gid=0)
    config["process"] |= {"terminal": False, "apparmorProfile": "profile"} | changes.pop("process", {})
    linux = config["linux"]
    linux["namespaces"] += [{"type": "user"}, {"type": "time"}] if "mount" not in names else [{"type": "time"}]
    linux["timeOffsets"] = {"boottime": {"secs": 5}}
    if "mount" not in names:  # it can't do without, where there is a user namespace
        linux |= {"uidMappings": MAPS, "gidMappings": MAPS}
    linux["sysctl"] = {"net.ipv4.ip_forward": "1", "kernel.msgmax": "9", "user.max_user_namespaces": "9"}
    if "mount" in names:
        del linux["sysctl"]["user.max_user_namespaces"]
    linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW"}
    linux["resources"] = {
        "devices": [{"allow": False, "access": "rwm"}],
        "memory": {"limit": 1 << 26, "swap": 1 << 27, "reservation": 1 << 20},
        "pids": {"limit": 9},
        "cpu": {"quota": 1000, "shares": 512},
        "blockIO": {"weight": 50, "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 9}]},
        "unified": {"memory.high": "1000000"},
    }
    config |= changes
    return planned(parse(config), Options(id="example", bundle="/bundle", without=",".join(names)))


def had(steps: tuple[Step, ...]) -> set[str]:
    return {one.protection.name for one in without(ALL, steps) if one.has}


def test_every_protection_can_be_left_out_or_there_is_a_reason() -> None:
    assert {*OF_CONFIG, *OF_STEPS, *BEFORE, *IMPOSSIBLE} == set(NAMES)
    assert not {*OF_CONFIG, *OF_STEPS, *BEFORE} & IMPOSSIBLE.keys()


@pytest.mark.parametrize("name", sorted({*OF_CONFIG, *OF_STEPS} - UNDONE))
def test_what_is_left_out_is_gone_and_the_rest_stays(name: str) -> None:
    everything = set(NAMES) - ({"user"} if name == "mount" else set())
    assert had(protected(name)) == everything - {name} - ALSO.get(name, set())


def test_tracers_have_the_process_open_to_the_end() -> None:
    kinds = [type(step).__name__ for step in protected("tracers")]
    assert "CloseToTracers" not in kinds
    for change in ("SetUser", "BecomeNamespaceRoot"):
        assert kinds[kinds.index(change) + 1] == "OpenToUser"


def test_what_belongs_to_a_namespace_goes_with_it_and_nothing_else() -> None:
    def kinds(*names: str) -> list[str]:
        return [type(step).__name__ for step in protected(*names)]

    for name, gone in {
        "network": {"SetLoopbackUp"},
        "uts": {"SetHostname"},
        "pid": set[str](),  # there is the time namespace to fork for
        "ipc": set[str](),
    }.items():
        assert set(kinds()) - set(kinds(name)) == gone, name
    assert set(kinds()) - set(kinds("pid", "time")) == {"WriteTimeOffset", "ForkIntoNamespaces", "AdoptContainer"}
    assert [step.key for step in protected("ipc") if hasattr(step, "key")] == [
        "net.ipv4.ip_forward",
        "user.max_user_namespaces",
    ]


def test_other_limits_stay() -> None:
    def files(name: str) -> set[str]:
        return {step.name for step in protected(name) if type(step).__name__ == "SetLimit"}

    everything = files("seccomp")
    assert everything - files("memory") == {"memory.max", "memory.swap.max", "memory.high"}
    assert everything - files("cpu") == {"cpu.max"}
    assert everything - files("io") == {"io.max"}
    assert {"memory.low", "cpu.weight"} <= files("memory") & files("cpu")


def test_a_filter_is_loaded_with_the_right_that_is_there() -> None:
    """seccomp(2): with no_new_privs, or with CAP_SYS_ADMIN."""
    kinds = [type(step).__name__ for step in protected("no-new-privs")]
    assert kinds.index("LoadFilter") < kinds.index("GiveUpFilterRights")
    kinds = [type(step).__name__ for step in protected()]
    assert kinds.index("LoadFilter") > kinds.index("SetNoNewPrivs")


def test_no_owner_is_mapped_where_there_is_no_user_namespace() -> None:
    mounts = [
        {"destination": "/a", "source": "/a", "options": ["bind", "idmap"]},
        {"destination": "/b", "source": "/b", "options": ["bind"], "uidMappings": MAPS, "gidMappings": MAPS},
    ]
    kinds = [type(step).__name__ for step in protected("user", mounts=mounts)]
    assert "OpenMappedMount" not in kinds and kinds.count("BindMount") == 2


def test_a_user_namespace_is_shown_the_hosts_where_it_may_mount_none() -> None:
    def mounted(*names: str) -> dict[str, Step]:
        steps = (step for step in protected(*names) if type(step).__name__ in ("MountFilesystem", "BindMount"))
        return {step.destination: step for step in steps}

    for name, place in {"pid": "/proc", "network": "/sys"}.items():
        bound = mounted(name)[place]
        assert type(bound).__name__ == "BindMount" and (bound.source, bound.recursive) == (place, True)
        assert type(mounted(name, "user")[place]).__name__ == "MountFilesystem"
    assert "/sys rdonly" in uses(mounted("network")["/sys"])
    assert any(change.recursive and change.attr_set for change in mounted("network")["/sys"].changes)
    assert "/dev/mqueue" not in mounted("ipc")


def test_several_together() -> None:
    names = {*OF_CONFIG, *OF_STEPS} - UNDONE - {"mount"}
    assert had(protected(*sorted(names))) == set(NAMES) - names


def test_the_books_say_what_is_left_out() -> None:
    written = [dict(step.options) for step in protected("pid", "seccomp") if type(step).__name__ == "WriteState"]
    assert [options["without"] for options in written] == ["pid,seccomp"] * 2


@pytest.mark.parametrize(
    ("names", "changes", "said"),
    [
        (["symlinks"], {}, "no other way to look for a path"),
        (["nonsense"], {}, "nothing is called so"),
        (["session"], {"process": {"terminal": True}}, '"terminal": false'),
        (["null"], {"process": {"terminal": True}}, '"terminal": false'),
    ],
)
def test_what_can_t_be_left_out_is_refused(names: list[str], changes: dict[str, Any], said: str) -> None:
    with pytest.raises(StateError, match=said):
        protected(*names, **changes)


def test_a_user_namespace_takes_a_mount_namespace() -> None:
    config = default(rootless=True, uid=1000, gid=1000)
    with pytest.raises(StateError, match="a user namespace, whose root can't mount in the host's"):
        planned(parse(config), Options(id="example", bundle="/bundle", without="mount"))
    assert "mount" not in had(planned(parse(config), Options(id="example", bundle="/bundle", without="mount,user")))


def test_systemd_s_scope_begins_with_the_container_in_it() -> None:
    config = parse(default(rootless=False, uid=0, gid=0))
    options = Options(id="example", bundle="/bundle", cgroup_manager="systemd", without="own-cgroup")
    with pytest.raises(StateError, match="--cgroup-manager cgroupfs"):
        planned(config, options)


def test_without_anything_left_out_it_is_the_plan() -> None:
    config, options = parse(default(rootless=False, uid=0, gid=0)), Options(id="example", bundle="/bundle")
    assert planned(config, options) == plan(config, options)


# ---- the command line


@pytest.fixture
def marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    mark = tmp_path / "mark"
    monkeypatch.setattr(throw_away, "MARK", str(mark))
    return mark


def test_only_a_machine_to_throw_away_is_asked_nothing(marked: Path) -> None:
    with pytest.raises(StateError) as refused:
        left_out.checked(("pid", "seccomp"), i_know=False)
    for said in ("--without pid and seccomp", str(marked), "tests/vm/run --shell", "vagrant up", "--i-know"):
        assert said in str(refused.value)
    assert left_out.checked(("pid", "seccomp", "pid"), i_know=True) == "pid,seccomp"
    marked.touch()
    assert left_out.checked(("pid",), i_know=False) == "pid"


def test_a_name_that_is_none_is_told_with_those_near_it(marked: Path) -> None:
    with pytest.raises(StateError, match="did you mean seccomp"):
        left_out.checked(("secomp",), i_know=True)
    with pytest.raises(StateError, match=r"no protection '\\x1b'"):
        left_out.checked(("\x1b",), i_know=True)


def test_what_is_not_there_can_t_be_left_out(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(default(rootless=False, uid=0, gid=0)))
    options = Options(id="example", bundle=str(tmp_path))
    (told,) = left_out.warnings(options.replace(without="pid"))
    assert told.startswith("without pid: It sees every process of the host")
    with pytest.raises(StateError, match="this container does not have seccomp"):
        tuple(left_out.warnings(options.replace(without="seccomp")))


def test_the_words_of_the_command_line() -> None:
    call = quick.read(["run", "--without", "pid", "--without=seccomp", "--i-know", "bundle"])
    assert call is not None
    assert (call.named["without"], call.named["i_know"]) == (("pid", "seccomp"), True)


def test_the_tab_key_knows_the_names() -> None:
    (option,) = (option for option in RUN.options if option.name == "without")
    assert [item.value for item in of_option(option)(None, None, "")] == NAMES
