"""runtime.md#scope-of-a-container and #state: what `state` tells at each stage, and what the hooks are told."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from ..hooks import IN_CONTAINER, SAVE_STATE, Hooks
from ..machine import namespace
from ..suite import clause, expect, expect_true

if TYPE_CHECKING:
    from ..container import Container

STATE = "runtime.md#state"
STAGES = ("created", "running", "stopped")


@clause(
    "runtime.md#scope-of-a-container",
    "The entity using a runtime to create a container MUST be able to use the operations defined in this "
    "specification against that same container.",
)
def all_operations_on_the_same_container(container: Container) -> None:
    with container.created() as life:
        life.state()
        life.must_start()
        life.must_stop()
        life.must_delete()


# ---- fields


class Told(NamedTuple):
    """What `state` told of one container at each stage of its life."""

    identifier: str
    bundle: str
    states: dict[str, dict[str, Any]]


def told_at_each_stage(container: Container) -> Told:
    """Of the first container that is asked for it. All cases about single fields look at the same answers."""
    return container.shared("the state at each stage", lambda: go_through(container))


def go_through(container: Container) -> Told:
    states = {}
    with container.created() as life:
        states["created"] = life.state()
        life.must_start()
        states["running"] = life.state()
        life.must_stop()
        states["stopped"] = life.state()
    return Told(container.id, str(container.bundle), states)


@clause(
    STATE,
    "`ociVersion` (string, REQUIRED) is version of the Open Container Initiative Runtime Specification with which the "
    "state complies.",
    each=STAGES,
)
def the_version_in_the_state(container: Container, stage: str) -> None:
    version = told_at_each_stage(container).states[stage].get("ociVersion")
    expect_true(f"{version!r} is a version of semver.org", re.match(r"1\.\d+\.\d+", str(version)))


@clause(STATE, "`id` (string, REQUIRED) is the container's ID.", each=STAGES)
def the_id_in_the_state(container: Container, stage: str) -> None:
    told = told_at_each_stage(container)
    expect("id", told.states[stage].get("id"), told.identifier)


@clause(
    STATE,
    "`created`: the runtime has finished the create operation (after step 2 in the lifecycle), and the container "
    "process has neither exited nor executed the user-specified program",
)
def the_status_after_create(container: Container) -> None:
    with container.created() as life:
        expect("status", life.status, "created")


@clause(
    STATE,
    "`running`: the container process has executed the user-specified program but has not exited (after step 8 in the "
    "lifecycle)",
)
def the_status_after_start(container: Container) -> None:
    with container.started() as life:
        expect("status", life.status, "running")


STOPPED = "`stopped`: the container process has exited (step 10 in the lifecycle)"


@clause(STATE, STOPPED, each=(0, 3))
def the_status_after_an_exit(container: Container, code: int) -> None:
    with container.started("exit", str(code)) as life:
        life.wait_for_status("stopped")


@clause(STATE, STOPPED)
def the_status_after_kill(container: Container) -> None:
    with container.started() as life:
        life.must_kill()
        life.wait_for_status("stopped")


@clause(STATE, STOPPED, each=STAGES[:2])
def the_status_after_a_crash(container: Container, stage: str) -> None:
    """A signal from elsewhere, which the runtime does not know of; and a created container can end, too."""
    with container.at(stage) as life:
        os.kill(life.pid, 9)
        life.wait_for_status("stopped")


PID = (
    "`pid` (int, REQUIRED when `status` is `created` or `running` on Linux, OPTIONAL on other platforms) is the ID of "
    "the container process."
)


@clause(STATE, PID, each=STAGES[:2])
def the_pid_in_the_state(container: Container, stage: str) -> None:
    with container.at(stage) as life:
        expect_true("it is a process of this suite's", life.pid in life.processes())
        expect_true("it is in the container's namespaces", namespace("uts", life.pid) != namespace("uts"))
        expect_true("it is the first one there", first_in_its_namespace(life.pid))


@clause(STATE, PID)
def the_pid_stays_the_same(container: Container) -> None:
    with container.created() as life:
        before = life.pid
        life.must_start()
        expect("pid", life.pid, before)


def first_in_its_namespace(pid: int) -> bool:
    """NSpid has the numbers from the outermost namespace to the innermost one: proc_pid_status(5)."""
    with open(f"/proc/{pid}/status") as lines:
        return next(line for line in lines if line.startswith("NSpid:")).split()[-1] == "1"


BUNDLE = (
    "`bundle` (string, REQUIRED) is the absolute path to the container's bundle directory. "
    "This is provided so that consumers can find the container's configuration and root filesystem on the host."
)


@clause(STATE, BUNDLE, each=STAGES)
def the_bundle_in_the_state(container: Container, stage: str) -> None:
    told = told_at_each_stage(container)
    expect("bundle", told.states[stage].get("bundle"), told.bundle)


@clause(STATE, BUNDLE)
def a_bundle_that_was_given_by_a_relative_path(container: Container) -> None:
    with container.life() as life:
        life.create("bundle", cwd=container.place)
        expect("bundle", life.state().get("bundle"), str(container.bundle))


@clause(STATE, "`annotations` (map, OPTIONAL) contains the list of annotations associated with the container.")
def the_annotations_in_the_state(container: Container) -> None:
    wanted = {"org.example.one": "a value", "org.example.two": "", "ä": '"quoted"\n'}
    container.config["annotations"] = dict(wanted)
    with container.created() as life:
        found = life.state().get("annotations", {})
        expect("annotations", {key: found.get(key) for key in wanted}, wanted)


@clause(
    STATE,
    "If no annotations were provided then this property MAY either be absent or an empty map.",
    each=("absent", "empty"),
)
def there_are_no_annotations(container: Container, how: str) -> None:
    if how == "empty":
        container.config["annotations"] = {}
    with container.created() as life:
        expect("annotations", life.state().get("annotations", {}), {})


# schema/state-schema.json
TYPES: dict[str, type] = {"ociVersion": str, "id": str, "status": str, "bundle": str, "pid": int, "annotations": dict}
REQUIRED = {"ociVersion", "id", "status", "bundle"}


@clause(STATE, "The state of a container includes the following properties", each=STAGES)
def the_properties_of_the_state(container: Container, stage: str) -> None:
    state = told_at_each_stage(container).states[stage]
    expect("properties that are missing", REQUIRED - state.keys(), set())
    wrong = [name for name, kind in TYPES.items() if name in state and not isinstance(state[name], kind)]
    expect("properties of another type", wrong, [])
    expect_true(f"the pid is not negative: {state.get('pid')}", state.get("pid", 0) >= 0)
    expect("status", state["status"], stage)


# ---- as hooks see it


def told(container: Container, kind: str) -> tuple[dict[str, Any], int]:
    """The state that a hook of this kind is told, and the pid that `state` tells."""
    hooks = Hooks(container)
    hooks.add(kind, SAVE_STATE)
    with container.started() as life:
        pid = life.pid
        life.wait_for_program()
        life.must_stop()
        life.must_delete()
        return hooks.state(), pid


@clause(
    STATE,
    "`creating`: the container is being created (step 2 in the lifecycle)",
    each=("prestart", "createRuntime", "createContainer"),
)
def hooks_of_create_are_told_the_status(container: Container, kind: str) -> None:
    expect("status", told(container, kind)[0].get("status"), "creating")


@clause(
    STATE, "`status` (string, REQUIRED) is the runtime state of the container.", each=("created", "running", "stopped")
)
def later_hooks_are_told_the_status(container: Container, status: str) -> None:
    kind = {"created": "startContainer", "running": "poststart", "stopped": "poststop"}[status]
    expect("status", told(container, kind)[0].get("status"), status)


@clause(
    STATE,
    "For hooks executed in the runtime namespace, it is the pid as seen by the runtime.",
    each=("prestart", "createRuntime", "poststart"),
)
def hooks_on_the_host_are_told_the_pid(container: Container, kind: str) -> None:
    state, pid = told(container, kind)
    expect("pid", state.get("pid"), pid)


@clause(
    STATE,
    "For hooks executed in the container namespace, it is the pid as seen by the container.",
    each=IN_CONTAINER,
)
def hooks_in_the_container_are_told_the_pid(container: Container, kind: str) -> None:
    expect("pid", told(container, kind)[0].get("pid"), 1)


@clause(
    STATE,
    "`ociVersion` (string, REQUIRED) is version of the Open Container Initiative Runtime Specification with which the "
    "state complies.",
    each=("createRuntime", "startContainer", "poststop"),
)
def hooks_are_told_the_version(container: Container, kind: str) -> None:
    version = told(container, kind)[0].get("ociVersion")
    expect_true(f"{version!r} is a version of semver.org", re.match(r"1\.\d+\.\d+", str(version)))
