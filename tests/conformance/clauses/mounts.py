"""config.md#mounts: places, sources and order. Their options are in mount_options.py and propagation.py."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..machine import mount_tree, needs_cgroup2, needs_namespace, needs_owner_maps
from ..suite import MAY, SHOULD, clause, expect, expect_true

if TYPE_CHECKING:
    from ..container import Container

MOUNTS = "config.md#mounts"
POSIX = "config.md#posix-platform-mounts"
NOT_APPLIED = (
    "If the runtime cannot apply a property as specified in the configuration, it MUST generate an error and a "
    "new container MUST NOT be created."
)
BOTH_MAPPINGS = "If specified, it MUST be specified along with `gidMappings`."


@clause(MOUNTS, "`mounts` (array of objects, OPTIONAL) specifies additional mounts beyond `root`.")
def there_are_no_mounts(container: Container) -> None:
    del container.config["mounts"]
    container.look("fds")


@clause(MOUNTS, "The runtime MUST mount entries in the listed order.")
def mounts_are_made_in_the_listed_order(container: Container) -> None:
    points = ["/mnt", "/mnt/z", "/mnt/z/a", "/mnt/b"]
    for point in points:
        container.mount(point)
    expect(
        "the mounts below /mnt", [mount.point for mount in container.look().mounts() if "/mnt" in mount.point], points
    )


@clause(MOUNTS, "The runtime MUST mount entries in the listed order.")
def a_later_mount_covers_an_earlier_one(container: Container) -> None:
    for name in ("first", "second"):
        (container.host_directory(name) / "name").write_text(name)
        container.bind(container.place / name, "/mnt")
    expect("/mnt/name", container.look("read", "/mnt/name")["/mnt/name"]["text"], "second")


@clause(
    MOUNTS,
    (
        "For compatibility with old tools and configurations, it MAY be a relative path, in which case it MUST be "
        'interpreted as relative to "/".'
    ),
)
def a_relative_destination(container: Container) -> None:
    container.process["cwd"] = "/tmp"
    container.mount("mnt/place")
    expect("the type of /mnt/place", container.look().mounted_at("/mnt/place").type, "tmpfs")


@clause(MOUNTS, "Path values for bind mounts are either absolute or relative to the bundle.")
def a_bind_source_relative_to_the_bundle(container: Container) -> None:
    (container.bundle / "data").mkdir()
    (container.bundle / "data" / "name").write_text("data")
    container.bind("data", "/mnt")
    expect("/mnt/name", container.look("read", "/mnt/name", cwd="/")["/mnt/name"]["text"], "data")


@clause(
    MOUNTS,
    "`source` (string, OPTIONAL) A device name, but can also be a file or directory name for bind mounts or a dummy.",
)
def a_mount_without_a_source(container: Container) -> None:
    del container.mount("/mnt")["source"]
    expect("the type of /mnt", container.look().mounted_at("/mnt").type, "tmpfs")


@clause(
    MOUNTS,
    "`source` (string, OPTIONAL) A device name, but can also be a file or directory name for bind mounts or a dummy.",
)
def a_file_can_be_bound(container: Container) -> None:
    (container.host_directory() / "file").write_text("of the host")
    container.bind(container.place / "host" / "file", "/etc/bound")
    expect("/etc/bound", container.look("read", "/etc/bound")["/etc/bound"]["text"], "of the host")


@clause(MOUNTS, NOT_APPLIED)
def a_bind_source_that_is_missing(container: Container) -> None:
    container.bind(container.place / "missing", "/mnt")
    container.must_be_refused("the source of a bind mount does not exist")


@clause(MOUNTS, "`destination` (string, REQUIRED) Destination of mount point: path inside container.")
def a_mount_without_a_destination(container: Container) -> None:
    del container.mount("/mnt")["destination"]
    container.must_be_refused("a mount has no destination")


@clause(
    POSIX,
    (
        'For bind mounts (when `options` include either `bind` or `rbind`), the type is a dummy, often "none" '
        "(not listed in /proc/filesystems)."
    ),
    each=("none", "bind", "nonsense", "tmpfs", "unset"),
)
def the_type_of_a_bind_mount_is_a_dummy(container: Container, kind: str) -> None:
    (container.host_directory() / "name").write_text("bound")
    entry = container.bind(container.place / "host", "/mnt")
    entry["type"] = kind
    if kind == "unset":
        del entry["type"]
    expect("/mnt/name", container.look("read", "/mnt/name")["/mnt/name"]["text"], "bound")


@clause(POSIX, "`type` (string, OPTIONAL) The type of the filesystem to be mounted.")
def a_cgroup_mount_shows_the_containers_cgroup(container: Container) -> None:
    needs_cgroup2(container)
    container.namespace("cgroup")
    container.mount("/sys/fs/cgroup", "ro", kind="cgroup", source="cgroup")
    told = container.look("read", "/sys/fs/cgroup/cgroup.procs")["/sys/fs/cgroup/cgroup.procs"]
    expect("the processes of the cgroup that is mounted", (told["error"], told["text"].split()), ("", ["1"]))


DEFAULT_FILE_SYSTEMS = {"/proc": "proc", "/sys": "sysfs", "/dev/pts": "devpts", "/dev/shm": "tmpfs"}


@clause(
    "config-linux.md#default-filesystems",
    "The following filesystems SHOULD be made available in each container's filesystem",
    level=SHOULD,
)
def the_default_file_systems(container: Container) -> None:
    seen = container.look()
    expect(
        "the types",
        {point: seen.mounted_at(point).type for point in DEFAULT_FILE_SYSTEMS},
        DEFAULT_FILE_SYSTEMS,
    )


@clause(POSIX, NOT_APPLIED)
def a_file_system_that_the_kernel_does_not_know(container: Container) -> None:
    container.mount("/mnt", kind="nonsensefs")
    container.must_be_refused("a mount has the type nonsensefs")


@clause(POSIX, BOTH_MAPPINGS, each=("uidMappings", "gidMappings"))
def only_one_of_a_mounts_mappings(container: Container, name: str) -> None:
    container.host_directory()
    container.bind(container.place / "host", "/mnt")[name] = [{"containerID": 0, "hostID": 1000, "size": 1}]
    container.must_be_refused(f"a mount has {name} alone")


@clause(
    "config.md#linux-mount-options",
    (
        "If there are no `uidMappings` and `gidMappings` specified and the container isn't using user namespaces, "
        "an error MUST be returned."
    ),
    each=("idmap", "ridmap"),
)
def a_mapped_mount_without_mappings(container: Container, option: str) -> None:
    container.host_directory()
    container.bind(container.place / "host", "/mnt", option)
    container.must_be_refused(f"{option} without any mappings")


IDMAP = "config.md#linux-mount-options"
OWN_MAPPINGS = (
    "If `uidMappings` or `gidMappings` are specified for the mount, the runtime MUST use those values for the mount's "
    "mapping."
)


def owned_volume(container: Container, *options: str) -> dict[str, Any]:
    """A volume at /mnt that belongs, with a file, to user 1000 and group 2000."""
    directory = container.host_directory()
    needs_owner_maps(directory)
    (directory / "file").write_text("x")
    for path in (directory, directory / "file"):
        os.chown(path, 1000, 2000)
    return container.bind(directory, "/mnt", *options)


def owner(container: Container) -> tuple[int, int]:
    told = container.look("stat", "/mnt/file")["/mnt/file"]
    return told["uid"], told["gid"]


@clause(IDMAP, OWN_MAPPINGS, each=("idmap", "ridmap"))
def the_mappings_of_a_mount(container: Container, option: str) -> None:
    entry = owned_volume(container, option)
    entry["uidMappings"] = [{"containerID": 1000, "hostID": 3, "size": 1}]
    entry["gidMappings"] = [{"containerID": 2000, "hostID": 4, "size": 1}]
    expect("user and group of /mnt/file", owner(container), (3, 4))


@clause(IDMAP, "Indicates that the mount MUST have an idmapping applied.")
def a_mount_mapped_by_the_user_namespace(container: Container) -> None:
    """A runtime may refuse this ("the runtime MAY use the container's user namespace mapping"), but not skip it."""
    needs_namespace("user")
    owned_volume(container, "idmap")
    container.user_namespace()
    result = container.run("stat", "/mnt/file")
    expect_true("the mount is refused or mapped", result.status != 0 or owner(container) == (1000, 2000))


BIND = "Runtimes MUST/SHOULD/MAY implement the following option strings for Linux"


@clause("config.md#linux-mount-options", BIND + ": `bind` (MUST): Bind mount")
def option_bind_leaves_the_mounts_below_out(container: Container) -> None:
    with mount_tree(container.place / "tree") as tree:
        container.bind(tree, "/mnt", "bind")
        points = [mount.point for mount in container.look().mounts()]
    expect("mounts below /mnt", [point for point in points if point.startswith("/mnt")], ["/mnt"])


@clause("config.md#linux-mount-options", BIND + ": `rbind` (MUST): Recursive bind mount")
def option_rbind_takes_the_mounts_below_along(container: Container) -> None:
    with mount_tree(container.place / "tree") as tree:
        container.bind(tree, "/mnt", "rbind")
        points = [mount.point for mount in container.look().mounts()]
    expect("mounts below /mnt", [point for point in points if point.startswith("/mnt")], ["/mnt", "/mnt/sub"])


DATA = (
    "Runtimes SHOULD treat unknown options as filesystem-specific ones and pass those as a comma-separated string "
    "to the fifth (`const void *data`) argument of mount(2)."
)


@clause("config.md#linux-mount-options", DATA, level=SHOULD)
def unknown_options_are_the_file_systems(container: Container) -> None:
    container.mount("/mnt", "nosuid", "size=64k", "nr_inodes=77", "mode=0711")
    told = container.look("statfs", "/mnt")["/mnt"]
    expect("size and number of files of /mnt", (told["size"], told["files"]), (65536, 77))


@clause("config.md#linux-mount-options", NOT_APPLIED)
def an_option_that_nobody_knows(container: Container) -> None:
    container.mount("/mnt", "nonsense=1")
    result = container.must_be_refused("tmpfs has the option nonsense=1")
    expect_true("the error is told", result.stderr)


@clause("config.md#linux-mount-options", BIND + ": `tmpcopyup` (MAY): copy up the contents to a tmpfs", level=MAY)
def option_tmpcopyup(container: Container) -> None:
    container.file("/mnt/deep/file", "of the root file system")
    container.mount("/mnt", "tmpcopyup")
    expect(
        "/mnt/deep/file", container.look("read", "/mnt/deep/file")["/mnt/deep/file"]["text"], "of the root file system"
    )
