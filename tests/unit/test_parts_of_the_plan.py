"""minirun.plan.start and minirun.plan.lasting: what later commands make of a plan is a part of it, and all of it."""

from __future__ import annotations

from typing import Any

import pytest
from unit.test_plan import all_step_classes

from minirun.errors import MinirunError
from minirun.plan.container import plan
from minirun.plan.lasting import lasting_steps
from minirun.plan.options import BY_SYSTEMD, DISABLED, Options, made
from minirun.plan.start import start_steps
from minirun.spec.default import default
from minirun.spec.load import parse
from minirun.steps.step import Step

USER = [{"containerID": 0, "hostID": 1000, "size": 65536}]
FUSE = [{"type": "c", "path": "/dev/fuse", "major": 10, "minor": 229}]
HOOKS = {
    kind: [{"path": f"/{kind}/{number}"} for number in (1, 2)] for kind in ("startContainer", "poststart", "poststop")
}
FILTER = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["getcwd"], "action": "SCMP_ACT_ERRNO"}]}
MONITORED = {"closID": "guaranteed", "l3CacheSchema": "L3:0=f", "enableMonitoring": True}


def changed(**changes: Any) -> dict[str, Any]:
    """The default config with some members of `linux` and `process` changed."""
    config = default(rootless=False, uid=0, gid=0)
    for section in ("linux", "process"):
        config[section] |= changes.pop(section, {})
    return config | changes


def namespaces(*types: str) -> list[dict[str, str]]:
    return [{"type": name} for name in types]


CONFIGS = {
    "default": changed(),
    "hooks": changed(hooks=HOOKS),
    "a filter": changed(linux={"seccomp": FILTER}),
    "a filter before no_new_privs": changed(linux={"seccomp": FILTER}, process={"noNewPrivileges": False}),
    "no mount namespace": changed(
        linux={"namespaces": namespaces("pid", "uts", "ipc"), "maskedPaths": [], "readonlyPaths": []}
    ),
    "devices": changed(linux={"devices": FUSE}),
    "devices in a user namespace": changed(
        linux={
            "namespaces": namespaces("mount", "pid", "user", "uts", "ipc", "network", "cgroup"),
            "uidMappings": USER,
            "gidMappings": USER,
            "devices": FUSE,
        }
    ),
    "a class of service": changed(linux={"intelRdt": MONITORED}),
    "network devices": changed(linux={"netDevices": {"eth7": {}}}),
    "a path for the cgroup": changed(linux={"cgroupsPath": "/a/b"}),
}
OPTIONS = {
    "create": Options("x", "/bundle", wait_for_start=True),
    "run": Options("x", "/bundle", notify_socket="/n"),
    "create for a service": Options("x", "/bundle", wait_for_start=True, notify_socket="/n"),
    "rootless": Options("x", "/bundle", uid=1000, gid=1000, rootless=True, cgroup_manager=DISABLED),
    "without pid": Options("x", "/bundle", wait_for_start=True, without="pid"),
}


def plans() -> list[Any]:
    """Each config.json with each command line; the few that do not go together are left out."""
    return [
        pytest.param(config, options, id=f"{kind}, {words}")
        for kind, config in CONFIGS.items()
        for words, options in OPTIONS.items()
        if goes(config, options)
    ]


def goes(config: dict[str, Any], options: Options) -> bool:
    try:
        made(plan, parse(config), options)
    except MinirunError:
        return False
    return True


def lasting(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    return tuple(step for step in steps if step.leaves_something())


@pytest.mark.parametrize(("config", "options"), plans())
def test_delete_makes_all_that_leaves_something(config: dict[str, Any], options: Options) -> None:
    assert made(lasting_steps, parse(config), options) == lasting(made(plan, parse(config), options))


@pytest.mark.parametrize("manager", BY_SYSTEMD)
def test_a_scope_of_systemd_is_among_it(manager: str) -> None:
    options = Options("x", "/bundle", cgroup_manager=manager)
    left = made(lasting_steps, parse(changed()), options)
    assert left == lasting(made(plan, parse(changed()), options))
    assert "StartScope" in [type(step).__name__ for step in left]


@pytest.mark.parametrize(("config", "options"), plans())
def test_start_makes_the_end(config: dict[str, Any], options: Options) -> None:
    whole, end = (made(part, parse(config), options) for part in (plan, start_steps))
    assert end == whole[len(whole) - len(end) :]
    assert [step for step in whole if step.ends_create] == [step for step in end[:1] if options.wait_for_start]


# Those of `update` and `checkpoint`, which take them back themselves; and what only systemd can be asked for, above.
OF_OTHERS = {"MakeImages", "ReplaceDeviceFilter", "ChangeScopeLimits", "ChangeSchema", "ChangeLimit", "StartScope"}


def test_the_configs_have_what_leaves_something() -> None:
    """Every kind of step that can be undone comes of one of them, so that the tests above miss none."""
    undoable = {kind.__name__ for kind in all_step_classes() if kind.leaves_something()}
    plans_made = [made(plan, parse(config), options) for config, options in (one.values for one in plans())]
    assert undoable - OF_OTHERS == {type(step).__name__ for steps in plans_made for step in lasting(steps)}
