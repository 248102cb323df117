"""runtime.md#operations one by one: state, create, start, kill, delete. Errors come with "and no effect"."""

from __future__ import annotations

import contextlib
import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from ..life import must, must_fail, settled
from ..machine import namespace, namespace_holder
from ..suite import NotTestable, clause, expect, expect_true
from .lifecycle import FAILURES, LATER, NO_FAILURE_OF_CREATE, mount_points

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..container import Container
    from ..life import Life
    from ..runtime import Result

QUERY, CREATE, START, KILL, DELETE = (
    f"runtime.md#{name}" for name in ("query-state", "create", "start", "kill", "delete")
)


@clause(
    "runtime.md#operations",
    "Unless otherwise stated, runtimes MUST support the following operations.",
    each=("state", "create", "start", "kill", "delete"),
)
def an_operation_is_supported(container: Container, operation: str) -> None:
    with container.life("sleep") as life:
        before = {"create": [], "delete": [life.must_create, life.must_start, life.must_stop]}
        for step in before.get(operation, [life.must_create]):
            step()
        operations = {"state": life.query, "create": life.create, "start": life.start, "kill": life.kill}
        must(operation, operations.get(operation, life.delete)())


def refused_without_an_id(container: Container, *words: str) -> None:
    """Beside a container that is there, so that a runtime could take any."""
    with container.created() as life:
        must_fail(" ".join(words), life.operate(*words))
        expect("status", life.status, "created")


def refused_without_effect(life: Life, operation: Callable[[], Any]) -> None:
    before = life.state()
    must_fail("the operation", operation())
    expect("the state afterwards", life.state(), before)
    if before["status"] == "created":
        life.must_start()
        expect("the status after start", life.status, "running")


# ---- state


@clause(QUERY, "This operation MUST generate an error if it is not provided the ID of a container.")
def state_without_an_id(container: Container) -> None:
    refused_without_an_id(container, "state")


@clause(QUERY, "Attempting to query a container that does not exist MUST generate an error.")
def state_of_what_does_not_exist(container: Container) -> None:
    with container.life() as life:
        must_fail("state", life.query())


@clause(QUERY, "Attempting to query a container that does not exist MUST generate an error.")
def state_of_what_is_deleted(container: Container) -> None:
    with container.stopped() as life:
        life.must_delete()
        must_fail("state", life.query())


@clause(QUERY, "This operation MUST return the state of a container as specified in the State section.")
def state_is_json_and_nothing_else(container: Container) -> None:
    with container.created("say", "the program's words") as life:
        life.must_start()
        life.wait_for_status("stopped")
        expect_true("it is an object", isinstance(life.state(), dict))


# ---- create

UNIQUE = (
    "If the ID provided is not unique across all containers within the scope of the runtime, or is not valid in "
    "any other way, the implementation MUST generate an error and a new container MUST NOT be created."
)
PROVIDED = (
    "This operation MUST generate an error if it is not provided a path to the bundle and the container ID to "
    "associate with the container."
)


@clause(CREATE, PROVIDED)
def create_without_an_id(container: Container) -> None:
    with container.life("sleep") as life:
        must_fail("create", life.operate("create", "--bundle", str(container.bundle)))
        expect("processes that are alive", settled(life.processes), [])


@clause(CREATE, PROVIDED)
def create_without_a_bundle(container: Container) -> None:
    """In a directory that is none: where the option is missing, peers take the working directory."""
    with container.life("sleep") as life:
        must_fail("create", life.operate("create", container.id, cwd=container.host_directory()))
        expect("the container exists", life.exists, False)


@clause(CREATE, PROVIDED)
def a_bundle_that_does_not_exist(container: Container) -> None:
    container.bundle = container.place / "missing"
    result = container.runtime.run(container.bundle, container.id)
    expect("exit status 0", result.status == 0, False)


@clause(CREATE, UNIQUE)
def an_id_that_is_in_use(container: Container) -> None:
    with container.running() as running:
        container.must_be_refused("a container with this id runs")
        expect("the first container's program", running.text("comm").strip(), "probe")


@clause(CREATE, UNIQUE, each=("created", "running", "stopped"))
def create_with_an_id_that_is_in_use(container: Container, stage: str) -> None:
    with container.at(stage) as life:
        refused_without_effect(life, life.create)


@clause(CREATE, UNIQUE)
def of_two_creates_at_once_one_wins(container: Container) -> None:
    with container.life("sleep") as life:
        expect("how many came off", at_once(life.create), 1)
        expect("status", life.status, "created")


def at_once(operation: Callable[[], Result]) -> int:
    """Called twice at the same time; how often there was no error."""
    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(operation) for _ in range(2)]
    return [call.result().status for call in calls].count(0)


@clause(CREATE, UNIQUE, each=("a/b", ".."))
def an_id_that_is_not_valid(container: Container, identifier: str) -> None:
    """What is valid the runtime decides; but the id becomes the name of a directory and of a cgroup."""
    container.id = identifier
    container.must_be_refused(f"the id is {identifier!r}")


@clause(CREATE, "This operation MUST create a new container.")
def create_makes_a_container(container: Container) -> None:
    with container.created() as life:
        expect("the id of the new container", life.state()["id"], container.id)


APPLIED: dict[str, tuple[Callable[[Container], Any], Callable[[Life], Any], Any]] = {
    "hostname": (
        lambda container: container.config.update(hostname="its-name"),
        lambda life: entered(life, "uts", "uname", "-n"),
        "its-name",
    ),
    "mounts": (
        lambda container: container.mount("/mounted"),
        lambda life: "/mounted" in mount_points(life.pid),
        True,
    ),
    "root": (
        lambda container: container.config["root"].update(readonly=True),
        lambda life: "ro" in root_options(life.pid),
        True,
    ),
    "maskedPaths": (
        lambda container: container.linux.update(maskedPaths=["/proc/version"]),
        lambda life: "/proc/version" in mount_points(life.pid),
        True,
    ),
    "sysctl": (
        lambda container: container.linux.update(sysctl={"net.ipv4.ip_forward": "1"}),
        lambda life: entered(life, "net", "cat", "/proc/sys/net/ipv4/ip_forward"),
        "1",
    ),
    "devices": (
        lambda container: container.linux.update(
            devices=[{"path": "/dev/its-device", "type": "c", "major": 1, "minor": 3}]
        ),
        lambda life: json.loads(entered(life, "mount", "/probe", "stat", "/dev/its-device"))["/dev/its-device"]["type"],
        "c",
    ),
}


def entered(life: Life, kind: str, *words: str) -> str:
    """What a program says in one of the container's namespaces. Joining the mount namespace changes the root, too."""
    try:
        command = ["nsenter", "--target", str(life.pid), f"--{kind}", *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=False).stdout.strip()
    except FileNotFoundError:
        raise NotTestable("needs nsenter of util-linux") from None


def root_options(pid: int) -> list[str]:
    with open(f"/proc/{pid}/mountinfo") as lines:
        return next(line.split()[5] for line in lines if line.split()[4] == "/").split(",")


@clause(
    CREATE,
    "All of the properties configured in `config.json` except for `process` MUST be applied.",
    each=APPLIED,
)
def a_property_is_applied_by_create(container: Container, name: str) -> None:
    configure, look, wanted = APPLIED[name]
    configure(container)
    with container.created() as life:
        expect(f"{name} before start", look(life), wanted)


@clause(CREATE, "`process.args` MUST NOT be applied until triggered by the `start` operation.")
def args_wait_for_start(container: Container) -> None:
    with container.created("say", "the program ran") as life:
        expect("status", life.status, "created")
        expect("what the program wrote before start", life.output(), "")
        life.must_start()
        life.wait_for_status("stopped")
        expect("what the program wrote", life.output(), "the program ran")


@clause(
    CREATE,
    "If the runtime cannot apply a property as specified in the configuration, it MUST generate an error and a new "
    "container MUST NOT be created.",
    each=[place for place in FAILURES if place not in NO_FAILURE_OF_CREATE],
)
def a_property_that_can_not_be_applied(container: Container, place: str) -> None:
    FAILURES[place](container)
    with container.life() as life:
        must_fail("create", life.create())
        expect("the container exists", life.exists, False)


@clause(
    CREATE,
    "Any changes made to the `config.json` file after this operation will not have an effect on the container.",
    each=LATER,
)
def config_json_does_not_matter_to_a_running_container(container: Container, change: str) -> None:
    with container.started() as life:
        before = life.state()
        LATER[change](container)
        expect("the state afterwards", life.state(), before)
        life.must_stop()
        life.must_delete()
        expect("on the host afterwards", settled(container.left_behind), [])


# ---- start


@clause(START, "This operation MUST generate an error if it is not provided the container ID.")
def start_without_an_id(container: Container) -> None:
    refused_without_an_id(container, "start")


NOT_CREATED = (
    "Attempting to `start` a container that is not `created` MUST have no effect on the container and MUST generate an "
    "error."
)


@clause(START, NOT_CREATED)
def start_of_a_running_container(container: Container) -> None:
    with container.started() as life:
        refused_without_effect(life, life.start)
        expect("how often the program began", life.output(), "ready\n")


@clause(START, NOT_CREATED)
def of_two_starts_at_once_one_wins(container: Container) -> None:
    with container.created() as life:
        expect("how many came off", at_once(life.start), 1)
        expect("status", life.status, "running")


@clause(START, NOT_CREATED)
def start_of_a_stopped_container(container: Container) -> None:
    with container.stopped() as life:
        refused_without_effect(life, life.start)


@clause(START, NOT_CREATED)
def start_of_what_does_not_exist(container: Container) -> None:
    with container.life("sleep") as life:
        must_fail("start", life.start())
        expect("the container exists", life.exists, False)


@clause(START, "This operation MUST run the user-specified program as specified by `process`.")
def start_executes_the_program(container: Container) -> None:
    with container.started() as life:
        life.wait_for("the container's process is the program", lambda: life.program().endswith("/probe"))


# ---- kill


@clause(KILL, "This operation MUST generate an error if it is not provided the container ID.")
def kill_without_an_id(container: Container) -> None:
    refused_without_an_id(container, "kill")


NEITHER = (
    "Attempting to send a signal to a container that is neither `created` nor `running` MUST have no effect on the "
    "container and MUST generate an error."
)


@clause(KILL, NEITHER, each=("KILL", "TERM"))
def kill_of_a_stopped_container(container: Container, signal: str) -> None:
    with container.stopped() as life:
        refused_without_effect(life, lambda: life.kill(signal))


@clause(KILL, NEITHER)
def kill_of_what_does_not_exist(container: Container) -> None:
    with container.life() as life:
        must_fail("kill", life.kill())


SENT = "This operation MUST send the specified signal to the container process."


@clause(KILL, SENT, each=(("TERM", "SIGTERM"), ("SIGUSR1", "SIGUSR1"), ("HUP", "SIGHUP"), ("12", "SIGUSR2")))
def the_signal_is_sent(container: Container, names: tuple[str, str]) -> None:
    asked, wanted = names
    with container.started("wait") as life:
        life.wait_for("the program waits", lambda: "ready" in life.output())
        life.must_kill(asked)
        life.wait_for("a signal arrives", lambda: "SIG" in life.output())
        expect("signals of the container's process", life.output().split(), ["ready", wanted])


@clause(KILL, SENT)
def a_created_container_is_killed(container: Container) -> None:
    with container.created() as life:
        life.must_kill()
        life.wait_for_status("stopped")


@clause(KILL, SENT)
def the_signal_goes_to_no_other_process(container: Container) -> None:
    """A shell and its child tell what they get, until SIGTERM ends the shell."""
    container.host_programs()
    trap = "trap 'echo %s' USR1; echo ready; while :; do sleep 0.1; done"
    container.process["args"] = ["/bin/sh", "-c", f"({trap % 'child'}) & {trap % 'shell'}"]
    with container.life() as life:
        life.must_create()
        life.must_start()
        life.wait_for("both wait", lambda: life.output().count("ready") == 2)
        life.must_kill("USR1")
        life.wait_for("the shell gets it", lambda: "shell" in life.output())
        life.must_kill("USR1")
        life.wait_for("the shell gets it again", lambda: life.output().count("shell") == 2)
        expect_true("the child gets nothing", "child" not in life.output())


# ---- delete


@clause(DELETE, "This operation MUST generate an error if it is not provided the container ID.")
def delete_without_an_id(container: Container) -> None:
    refused_without_an_id(container, "delete")


NOT_STOPPED = (
    "Attempting to `delete` a container that is not `stopped` MUST have no effect on the container and MUST generate "
    "an error."
)


@clause(DELETE, NOT_STOPPED)
def delete_of_a_created_container(container: Container) -> None:
    with container.created() as life:
        refused_without_effect(life, life.delete)


@clause(DELETE, NOT_STOPPED)
def delete_of_a_running_container(container: Container) -> None:
    with container.started() as life:
        refused_without_effect(life, life.delete)
        expect_true("the program still runs", life.program().endswith("/probe"))


@clause(DELETE, NOT_STOPPED)
def delete_of_what_does_not_exist(container: Container) -> None:
    with container.life() as life:
        must_fail("delete", life.delete())


DELETED = "Deleting a container MUST delete the resources that were created during the `create` step."


@clause(DELETE, DELETED)
def nothing_is_left_after_the_end(container: Container) -> None:
    container.mount("/mnt")
    container.look("fds")
    expect("on the host afterwards", settled(container.left_behind), [])


@clause(DELETE, DELETED, each=("ended", "was killed", "was killed before start"))
def nothing_is_left_of_a_container_that(container: Container, how: str) -> None:
    container.mount("/mounted")
    with container.created("exit" if how == "ended" else "sleep") as life:
        if how != "was killed before start":
            life.must_start()
        if how != "ended":
            life.must_kill()
        life.wait_for_status("stopped")
        life.must_delete()
        expect("the container exists", life.exists, False)
        expect("on the host afterwards", settled(container.left_behind), [])
        expect("processes that are alive", settled(life.processes), [])


NOT_ITS_OWN = (
    "Note that resources associated with the container, but not created by this container, MUST NOT be deleted."
)


@clause(DELETE, NOT_ITS_OWN)
def a_joined_namespace_stays(container: Container) -> None:
    with namespace_holder("ipc") as pid:
        before = namespace("ipc", pid)
        container.namespace("ipc", f"/proc/{pid}/ns/ipc")
        container.look("fds")
        expect("the namespace's own process is in", namespace("ipc", pid), before)


@clause(DELETE, NOT_ITS_OWN)
def the_bundle_stays(container: Container) -> None:
    inside = container.file("/mnt/file", "content")
    config = container.bundle / "config.json"
    with container.stopped() as life:
        before = config.read_text()
        life.must_delete()
        expect("a file in the root file system", inside.read_text(), "content")
        expect("config.json", config.read_text(), before)


@clause(DELETE, NOT_ITS_OWN)
def a_bound_directory_stays(container: Container) -> None:
    directory = container.host_directory()
    (directory / "file").write_text("content")
    container.bind(directory, "/mnt")
    with container.stopped() as life:
        life.must_delete()
        expect("the directory", {entry.name: entry.read_text() for entry in directory.iterdir()}, {"file": "content"})


@clause(DELETE, NOT_ITS_OWN)
def another_container_stays(container: Container) -> None:
    """With an id that begins with this one's."""
    with container.started() as other:
        with another_id(container), container.stopped() as life:
            life.must_delete()
        expect("the other's status", other.status, "running")


@contextlib.contextmanager
def another_id(container: Container) -> Iterator[None]:
    own, container.id = container.id, f"{container.id}-2"
    try:
        yield
    finally:
        container.id = own


REUSED = "Once a container is deleted its ID MAY be used by a subsequent container."


@clause(DELETE, REUSED)
def an_id_can_be_used_again(container: Container) -> None:
    container.look("fds")
    container.look("fds")


@clause(DELETE, REUSED)
def an_id_can_be_used_again_after_delete(container: Container) -> None:
    with container.stopped() as life:
        life.must_delete()
        life.must_create()
        expect("status", life.status, "created")
