"""config-linux.md#namespaces: namespaces(7), seen by the links in /proc/PID/ns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..machine import NAMESPACES, namespace, namespace_holder, needs_namespace, other_mounts
from ..suite import clause, expect, expect_true

if TYPE_CHECKING:
    from ..container import Container

SECTION = "config-linux.md#namespaces"
NEW = "If `path` is not specified, the runtime MUST create a new container namespace of type `type`."
INHERITED = (
    "If a namespace type is not specified in the `namespaces` array, the container MUST inherit the runtime "
    "namespace of that type."
)
JOINED = "The runtime MUST place the container process in the namespace associated with that `path`."
# Without a mount namespace of its own, a container would mount on the host.
OTHERS = [kind for kind in NAMESPACES if kind != "mount"]


def seen(container: Container, kind: str) -> str:
    return container.look()["namespaces"][NAMESPACES[kind]]


def add(container: Container, kind: str) -> None:
    needs_namespace(kind)
    container.user_namespace() if kind == "user" else container.namespace(kind)


@clause(SECTION, NEW, each=NAMESPACES)
def a_new_namespace(container: Container, kind: str) -> None:
    add(container, kind)
    expect_true(f"the {kind} namespace is a new one", seen(container, kind) != namespace(kind))


@clause(SECTION, INHERITED, each=OTHERS)
def a_namespace_that_is_not_listed_is_inherited(container: Container, kind: str) -> None:
    needs_namespace(kind)
    container.without_namespace(kind)
    expect(f"the {kind} namespace", seen(container, kind), namespace(kind))


@clause(SECTION, INHERITED)
def a_mount_namespace_that_is_not_listed_is_inherited(container: Container) -> None:
    container.without_namespace("mount")
    with other_mounts():
        expect("the mount namespace", seen(container, "mount"), namespace("mount"))


@clause("config.md#platform-specific-configuration", "`linux` (object, OPTIONAL) Linux-specific configuration.")
def the_linux_object_is_missing(container: Container) -> None:
    del container.config["linux"]
    with other_mounts():
        expect("the namespaces", container.look()["namespaces"]["mnt"], namespace("mount"))


@clause(SECTION, JOINED, each=OTHERS)
def a_namespace_is_joined(container: Container, kind: str) -> None:
    needs_namespace(kind)
    with namespace_holder(kind) as pid:
        container.namespace(kind, f"/proc/{pid}/ns/{NAMESPACES[kind]}")
        expect(f"the {kind} namespace", seen(container, kind), namespace(kind, pid))


@clause(SECTION, "This value MUST be an absolute path in the runtime mount namespace.")
def a_namespace_path_that_is_relative(container: Container) -> None:
    with namespace_holder("ipc") as pid:
        container.namespace("ipc", f"proc/{pid}/ns/ipc")
        container.must_be_refused("the path of a namespace is relative (to the runtime's directory)", cwd="/")


@clause(
    SECTION,
    "The runtime MUST generate an error if `path` is not associated with a namespace of type `type`.",
    each=("another type", "no namespace", "missing"),
)
def a_namespace_path_that_leads_elsewhere(container: Container, place: str) -> None:
    with namespace_holder("ipc") as pid:
        (container.place / "file").write_text("")
        paths = {
            "another type": f"/proc/{pid}/ns/uts",
            "no namespace": str(container.place / "file"),
            "missing": "/missing",
        }
        container.namespace("ipc", paths[place])
        container.must_be_refused(f"the path of the ipc namespace is {paths[place]}")


@clause(
    SECTION,
    "If a `namespaces` field contains duplicated namespaces with same `type`, the runtime MUST generate an error.",
)
def a_namespace_twice(container: Container) -> None:
    container.linux["namespaces"].append({"type": "ipc"})
    container.must_be_refused("the ipc namespace stands there twice")


@clause(SECTION, "Runtimes MUST generate an error when invalid or unsupported values are encountered.")
def a_namespace_that_does_not_exist(container: Container) -> None:
    container.linux["namespaces"].append({"type": "flavour"})
    container.must_be_refused("there is no flavour namespace")


@clause(SECTION, "`type` (string, REQUIRED) - namespace type.")
def a_namespace_without_a_type(container: Container) -> None:
    container.linux["namespaces"].append({"path": "/proc/self/ns/user"})
    container.must_be_refused("a namespace has no type")


@clause(
    SECTION,
    (
        "`pid` processes inside the container will only be able to see other processes inside the same container "
        "or inside the same pid namespace."
    ),
)
def a_pid_namespace_hides_other_processes(container: Container) -> None:
    pids = [name for name in container.look("list", "/proc")["/proc"] if name.isdigit()]
    expect("the processes that it sees", pids, ["1"])


@clause(SECTION, "`network` the container will have its own network stack.")
def a_network_namespace_has_no_interfaces_of_the_host(container: Container) -> None:
    told = {name for name, facts in container.look()["interfaces"].items() if facts.get("up")}
    expect("interfaces that are up, other than lo", told - {"lo"}, set())


@clause(SECTION, "`cgroup` the container will have an isolated view of the cgroup hierarchy.")
def a_cgroup_namespace_begins_at_the_containers_cgroup(container: Container) -> None:
    needs_namespace("cgroup")
    container.namespace("cgroup")
    paths = {line.split(":", 2)[2] for line in container.look()["cgroup"]}
    expect("the cgroups that it sees itself in", paths, {"/"})
