"""runtime.md#lifecycle, but for the hooks, #errors and #warnings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ..life import must_fail, settled
from ..machine import namespace
from ..suite import Broken, clause, expect, expect_true

if TYPE_CHECKING:
    from ..container import Container

LIFECYCLE = "runtime.md#lifecycle"
ENVIRONMENT = (
    "The container's runtime environment MUST be created according to the configuration in `config.json`. "
    "If the runtime is unable to create the environment specified in the `config.json`, it MUST generate an error."
)
NOT_YET = (
    "While the resources requested in the `config.json` MUST be created, the user-specified program (from `process`) "
    "MUST NOT be run at this time."
)
UNCHANGED = (
    "Unless otherwise stated, generating an error MUST leave the state of the environment as if the operation "
    "were never attempted - modulo any possible trivial ancillary changes such as logging."
)


# ---- step 2: create


@clause(LIFECYCLE, ENVIRONMENT)
def the_environment_of_a_created_container(container: Container) -> None:
    container.mount("/mounted")
    with container.created() as life:
        kinds = [entry["type"] for entry in container.linux["namespaces"]]
        shared = [kind for kind in kinds if namespace(kind, life.pid) == namespace(kind)]
        expect("namespaces that are still the host's", shared, [])
        expect_true("the mount is there", "/mounted" in mount_points(life.pid))


def mount_points(pid: int) -> list[str]:
    with open(f"/proc/{pid}/mountinfo") as lines:
        return [line.split()[4] for line in lines]


# What can't be made, in places that a runtime comes to one after the other.
FAILURES = {
    "mount": lambda container: container.mount("/mnt", kind="nonsensefs"),
    "namespace": lambda container: container.namespace("ipc", "/missing"),
    "sysctl": lambda container: container.linux.update(sysctl={"net.core.nonsense": "1"}),
    "program": lambda container: container.process.update(args=["/missing"]),
    "limit": lambda container: container.process.update(rlimits=[{"type": "RLIMIT_NOFILE", "soft": 64, "hard": 1}]),
}
NO_FAILURE_OF_CREATE = ("program",)  # it may show in `start` only


@clause(LIFECYCLE, ENVIRONMENT, each=[place for place in FAILURES if place not in NO_FAILURE_OF_CREATE])
def an_environment_that_can_not_be_created(container: Container, place: str) -> None:
    FAILURES[place](container)
    with container.life() as life:
        must_fail("create", life.create())


@clause(LIFECYCLE, NOT_YET)
def the_program_is_not_run_by_create(container: Container) -> None:
    with container.created("say", "the program ran") as life:
        expect_true(
            f"another program runs than the container's: {life.program()}", not life.program().endswith("/probe")
        )
        expect("what the program wrote", life.output(), "")


LATER = {
    "has other args": lambda container: container.write("say", "afterwards"),
    "has no process": lambda container: container.config.pop("process") and container.write(),
    "is not JSON": lambda container: (container.bundle / "config.json").write_text("{"),
    "is gone": lambda container: (container.bundle / "config.json").unlink(),
}


@clause(LIFECYCLE, "Any updates to `config.json` after this step MUST NOT affect the container.", each=LATER)
def config_json_after_create(container: Container, change: str) -> None:
    with container.created("say", "as created") as life:
        LATER[change](container)
        life.must_start()
        life.wait_for_status("stopped")
        expect("what the program wrote", life.output(), "as created")
        life.must_delete()


@clause(LIFECYCLE, "Any updates to `config.json` after this step MUST NOT affect the container.")
def hooks_that_come_after_create(container: Container) -> None:
    """They are called long after create, so that a runtime may be tempted to read config.json again."""
    note = container.place / "note"
    with container.created() as life:
        entry = {"path": "/bin/sh", "args": ["sh", "-c", f"echo >{note}"]}
        container.config["hooks"] = {kind: [entry] for kind in ("startContainer", "poststart", "poststop")}
        container.write()
        life.must_start()
        life.must_stop()
        life.must_delete()
        expect("one of the new hooks was called", note.exists(), False)


# ---- steps 6 to 12


@clause(LIFECYCLE, "The runtime MUST run the user-specified program, as specified by `process`.")
def start_runs_the_program(container: Container) -> None:
    container.process.update(cwd="/mnt", env=["PATH=/bin", "A=b"])
    with container.life() as life:
        container.process["args"] = ["/probe"]
        container.write()
        life.must_create()
        life.must_start()
        life.wait_for_status("stopped")
        told = read_json(life.output())
        expect("the working directory", told["cwd"], "/mnt")
        expect_true(f"the environment has what config.json says: {told['env']}", "A=b" in told["env"])


def read_json(text: str) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads(text)
    except ValueError:
        raise Broken(f"the program did not run as it should: {text[:600]!r}") from None
    return told


@clause(LIFECYCLE, "The container MUST be destroyed by undoing the steps performed during create phase (step 2).")
def nothing_is_left_after_delete(container: Container) -> None:
    container.mount("/mounted")
    with container.stopped() as life:
        life.must_delete()
        expect("on the host afterwards", settled(container.left_behind), [])
        expect("processes that are alive", settled(life.processes), [])


# ---- errors and warnings


@clause("runtime.md#errors", UNCHANGED, each=FAILURES)
def an_error_leaves_nothing_behind(container: Container, place: str) -> None:
    FAILURES[place](container)
    container.must_be_refused(f"the {place} is wrong", own_args=place == "program")
    expect("on the host afterwards", settled(container.left_behind), [])


@clause("runtime.md#errors", UNCHANGED, each=[place for place in FAILURES if place not in NO_FAILURE_OF_CREATE])
def a_failed_create_leaves_nothing_behind(container: Container, place: str) -> None:
    FAILURES[place](container)
    with container.life() as life:
        must_fail("create", life.create())
        expect("the container exists", life.exists, False)
        expect("on the host afterwards", settled(container.left_behind), [])
        expect("processes that are alive", settled(life.processes), [])


@clause("runtime.md#errors", UNCHANGED)
def after_an_error_the_id_can_be_used(container: Container) -> None:
    container.mount("/mnt", kind="nonsensefs")
    container.must_be_refused("a mount is wrong")
    del container.config["mounts"][-1]
    container.look("fds")


@clause(
    "runtime.md#warnings",
    "Unless otherwise stated, logging a warning does not change the flow of the operation; it MUST continue as if the "
    "warning had not been logged.",
)
def after_a_warning_it_goes_on(container: Container) -> None:
    """A capability that nobody knows MUST be warned of (config.md#linux-process)."""
    container.process["capabilities"]["bounding"].append("CAP_NONSENSE")
    with container.life("sleep") as life:
        life.go_through()
