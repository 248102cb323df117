"""runtime.md: errors, and what is left behind. The operations one by one need create and start: they are to come."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ..machine import namespace, namespace_holder
from ..suite import clause, expect

if TYPE_CHECKING:
    from ..container import Container

CREATE = "runtime.md#create"
UNIQUE = (
    "If the ID provided is not unique across all containers within the scope of the runtime, or is not valid in "
    "any other way, the implementation MUST generate an error and a new container MUST NOT be created."
)
UNCHANGED = (
    "Unless otherwise stated, generating an error MUST leave the state of the environment as if the operation "
    "were never attempted - modulo any possible trivial ancillary changes such as logging."
)
DELETED = "Deleting a container MUST delete the resources that were created during the `create` step."


@clause(CREATE, UNIQUE)
def an_id_that_is_in_use(container: Container) -> None:
    with container.running() as running:
        container.must_be_refused("a container with this id runs")
        expect("the first container's program", running.text("comm").strip(), "probe")


@clause(CREATE, UNIQUE, each=("a/b", ".."))
def an_id_that_is_not_valid(container: Container, identifier: str) -> None:
    """What is valid the runtime decides; but the id becomes the name of a directory and of a cgroup."""
    container.id = identifier
    container.must_be_refused(f"the id is {identifier!r}")


@clause(
    CREATE,
    (
        "This operation MUST generate an error if it is not provided a path to the bundle and the container ID to "
        "associate with the container."
    ),
)
def a_bundle_that_does_not_exist(container: Container) -> None:
    container.bundle = container.place / "missing"
    result = container.runtime.run(container.bundle, container.id)
    expect("exit status 0", result.status == 0, False)


def left_behind(container: Container) -> list[str]:
    """The kernel ends processes and empties cgroups in its own time: only what stays is a fault."""
    deadline = time.monotonic() + 3
    while (found := container.left_behind()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


FAILURES = {
    "mount": lambda container: container.mount("/mnt", kind="nonsensefs"),
    "sysctl": lambda container: container.linux.update(sysctl={"net.core.nonsense": "1"}),
    "program": lambda container: container.process.update(args=["/missing"]),
    "limit": lambda container: container.process.update(rlimits=[{"type": "RLIMIT_NOFILE", "soft": 64, "hard": 1}]),
}


@clause("runtime.md#errors", UNCHANGED, each=FAILURES)
def an_error_leaves_nothing_behind(container: Container, place: str) -> None:
    FAILURES[place](container)
    container.must_be_refused(f"the {place} is wrong", own_args=place == "program")
    expect("on the host afterwards", left_behind(container), [])


@clause("runtime.md#errors", UNCHANGED)
def after_an_error_the_id_can_be_used(container: Container) -> None:
    container.mount("/mnt", kind="nonsensefs")
    container.must_be_refused("a mount is wrong")
    del container.config["mounts"][-1]
    container.look("fds")


@clause("runtime.md#delete", DELETED)
def nothing_is_left_after_the_end(container: Container) -> None:
    container.mount("/mnt")
    container.look("fds")
    expect("on the host afterwards", left_behind(container), [])


@clause("runtime.md#delete", "Once a container is deleted its ID MAY be used by a subsequent container.")
def an_id_can_be_used_again(container: Container) -> None:
    container.look("fds")
    container.look("fds")


@clause(
    "runtime.md#delete",
    "Note that resources associated with the container, but not created by this container, MUST NOT be deleted.",
)
def a_joined_namespace_stays(container: Container) -> None:
    with namespace_holder("ipc") as pid:
        before = namespace("ipc", pid)
        container.namespace("ipc", f"/proc/{pid}/ns/ipc")
        container.look("fds")
        expect("the namespace's own process is in", namespace("ipc", pid), before)
