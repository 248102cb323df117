"""What a user who is not root is told in advance: plan/rootless.py, runtime/caller.py, steps/forbidden.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from minirun.errors import ConfigError, StateError
from minirun.plan.container import Options, plan
from minirun.plan.exec import ExecOptions, exec_plan
from minirun.plan.limits import INHERITED
from minirun.runtime import caller
from minirun.spec.default import default
from minirun.spec.load import parse
from minirun.steps import forbidden
from minirun.steps.namespaces import Unshare

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from minirun.steps.step import Step

OPTIONS = Options(id="web", bundle="/b", uid=1000, gid=1001, rootless=True, cgroup_manager=INHERITED)


def plan_of(change: Callable[[dict[str, Any]], object] = lambda config: None, options: Options = OPTIONS) -> list[Step]:
    config = default(True, 1000, 1001)
    change(config)
    return list(plan(parse(config), options))


def names(steps: list[Step]) -> list[str]:
    return [type(step).__name__ for step in steps]


def test_ones_own_id_takes_no_helper() -> None:
    steps = plan_of()
    assert names(steps).index("DenySetgroups") < names(steps).index("BecomeNamespaceRoot")
    assert [step.shell() for step in steps if type(step).__name__ == "WriteIdMap"] == [
        "printf '0 1000 1\\n' > \"/proc/$pid/uid_map\"",
        "printf '0 1001 1\\n' > \"/proc/$pid/gid_map\"",
    ]


def test_more_ids_take_one() -> None:
    more = {"containerID": 1, "hostID": 100000, "size": 65536}
    steps = plan_of(lambda config: config["linux"]["gidMappings"].append(more))
    assert [step.shell() for step in steps if type(step).__name__ == "WriteIdMap"] == [
        "printf '0 1000 1\\n' > \"/proc/$pid/uid_map\"",
        'newgidmap "$pid" 0 1001 1 1 100000 65536',
    ]
    assert "DenySetgroups" not in names(steps)


def test_a_user_gets_no_cgroup_and_the_hosts_devices() -> None:
    steps = names(plan_of(lambda config: config["linux"].update(devices=[FUSE])))
    assert "StayInCgroup" in steps
    assert not {"MakeCgroup", "JoinCgroup", "AttachDeviceFilter", "MakeDevice", "OpenDevice"} & set(steps)
    assert steps.count("BindDevice") == 7


FUSE = {"type": "c", "path": "/dev/fuse", "major": 10, "minor": 229}


@pytest.mark.parametrize(
    ("change", "pointer", "words"),
    [
        (lambda config: without(config, "user"), "/linux/namespaces", "spec --rootless"),
        (lambda config: mount(config, "sysfs"), "/mounts/7/type", "rbind"),
        (lambda config: without(config, "pid"), "/mounts/0/type", '"pid"'),
        (lambda config: without(config, "ipc"), "/mounts/4/type", '"ipc"'),
        (lambda config: mount(config, "devpts", "gid=5"), "/mounts/7/options", "mapped: 0"),
        (lambda config: mount(config, "none", "bind", "idmap", source="/usr"), "/mounts/7", "root"),
        (lambda config: config["process"]["user"].update(uid=33), "/process/user/uid", "mapped: 0"),
        (lambda config: config["process"]["user"].update(gid=33), "/process/user/gid", "mapped: 0"),
        (lambda config: config["process"]["user"].update(additionalGids=[0]), "/process/user/additionalGids", "subgid"),
        (lambda config: config["linux"].update(intelRdt={"closID": "x"}), "/linux/intelRdt", "root"),
        (lambda config: net_device(config), "/linux/netDevices", "root"),
        (
            lambda config: config["linux"].update(resources={"memory": {"limit": 1 << 20}}),
            "/linux/resources/memory/limit",
            "--systemd-cgroup",
        ),
    ],
)
def test_what_a_user_can_not_have(change: Callable[[dict[str, Any]], object], pointer: str, words: str) -> None:
    with pytest.raises(ConfigError) as raised:
        plan_of(change)
    assert raised.value.pointer == pointer
    assert words in raised.value.allowed


def without(config: dict[str, Any], kind: str) -> None:
    config["linux"]["namespaces"] = [entry for entry in config["linux"]["namespaces"] if entry["type"] != kind]
    if kind == "user":
        del config["linux"]["uidMappings"], config["linux"]["gidMappings"]


def mount(config: dict[str, Any], kind: str, *options: str, source: str = "none") -> None:
    config["mounts"].append({"destination": "/mnt", "type": kind, "source": source, "options": list(options)})


def net_device(config: dict[str, Any]) -> None:
    config["linux"]["namespaces"].append({"type": "network"})
    config["linux"]["netDevices"] = {"eth0": {}}


@pytest.mark.parametrize("has_namespace", [False, True])
def test_a_cgroup_of_the_users_is_never_shown_writable(has_namespace: bool) -> None:
    """CVE-2023-25809"""
    steps = plan_of(lambda config: None if has_namespace else without(config, "cgroup"))
    step = next(step for step in steps if "cgroup" in step.describe() and step.place == "/mounts/6")
    assert "RDONLY" in repr(step.describe()) if has_namespace else type(step).__name__ == "HideCgroups"


def test_who_joins_the_user_namespace_when() -> None:
    """Rights over the other namespaces are inside for the user, outside for root."""
    config = parse(default(True, 1000, 1001))
    assert config.process

    def joins(uid: int) -> list[str]:
        steps = exec_plan(config, config.process, ExecOptions(pid=7, uid=uid, rootless=True))  # type: ignore[arg-type]
        return [str(step.type) for step in steps if type(step).__name__ == "JoinNamespace"]

    assert joins(1000)[0] == "user"
    assert joins(0)[-1] == "user"


@pytest.mark.parametrize(
    ("file", "value", "words"),
    [
        ("kernel/unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"),
        ("user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces="),
        ("kernel/apparmor_restrict_unprivileged_userns", "1", "/etc/apparmor.d/minirun"),
        ("kernel/apparmor_restrict_unprivileged_userns", "0", ""),
    ],
)
def test_the_switch_that_forbids_user_namespaces_is_named(
    file: str, value: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On systems like these; what a kernel then does is another matter."""
    place = tmp_path / file
    place.parent.mkdir()
    place.write_text(f"{value}\n")
    monkeypatch.setattr(forbidden, "SYSCTLS", str(tmp_path))
    monkeypatch.setattr(forbidden, "STATUS", str(tmp_path / "none"))
    assert words in forbidden.cure() if words else forbidden.cure() == ""


def test_a_filter_around_minirun_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forbidden, "SYSCTLS", str(tmp_path))
    (tmp_path / "status").write_text("Name:\tminirun\nSeccomp:\t2\n")
    monkeypatch.setattr(forbidden, "STATUS", str(tmp_path / "status"))
    assert "system calls" in forbidden.cure()


def test_only_a_users_unshare_needs_the_reasons() -> None:
    assert [step.by_user for step in plan_of() if isinstance(step, Unshare)] == [True, True]
    steps = plan_of(options=Options(id="web", bundle="/b"))
    assert [step.by_user for step in steps if isinstance(step, Unshare)] == [False, False]


def test_where_the_books_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caller.os, "access", lambda *_words, **_more: False)
    monkeypatch.setattr(caller, "is_host_root", lambda: False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000")
    assert caller.default_root() == "/run/user/1000/minirun"
    for wrong in ("", "relative"):
        monkeypatch.setenv("XDG_RUNTIME_DIR", wrong)
        with pytest.raises(StateError, match=r"XDG_RUNTIME_DIR .*\n  cure:  "):
            caller.default_root()
    monkeypatch.setattr(caller.os, "access", lambda *_words, **_more: True)
    assert caller.default_root() == "/run/minirun"


def test_roots_books_stay_where_they_are_when_run_becomes_read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caller.os, "access", lambda *_words, **_more: False)
    monkeypatch.setattr(caller, "is_host_root", lambda: True)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/0")
    assert caller.default_root() == "/run/minirun"
