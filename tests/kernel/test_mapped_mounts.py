"""config.md#mounts, uidMappings and gidMappings: mounts whose files have other owners inside (mount_setattr(2))."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from kernel.kit import needs
from kernel.kit.helpers import mount, shared_mount, unmount
from kernel.kit.outside import mounted_at

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.root

NEWER = pytest.mark.deviates("runc", "came with 1.2")
NEWER_STILL = pytest.mark.deviates("crun", "ridmap came with 1.9")
NOBODY = 65534  # the id of what is not mapped: sysctl fs.overflowuid


def owned(path: Path, uid: int, gid: int) -> Path:
    path.write_text("x")
    os.chown(path, uid, gid)
    return path


@pytest.fixture
def volume(place: Path) -> Path:
    """A directory of the host with a file of user 1000 and group 2000, and one of somebody who is mapped nowhere."""
    if not needs.maps_owners(place):
        pytest.skip("the tests' directory is on a file system that can't map owners")
    directory = place / "volume"
    directory.mkdir()
    os.chown(directory, 1000, 2000)
    owned(directory / "file", 1000, 2000)
    owned(directory / "other", 5, 5)
    return directory


def map_owners(entry: dict[str, Any], uid: tuple[int, int], gid: tuple[int, int], size: int = 1) -> None:
    """Maps `size` ids from the first of each pair, on the file system, to those from the second one, in the mount."""
    for name, (inside, outside) in (("uidMappings", uid), ("gidMappings", gid)):
        entry[name] = [{"containerID": inside, "hostID": outside, "size": size}]


def owner(told: Any) -> tuple[int, int]:
    return told["uid"], told["gid"]


@NEWER
@pytest.mark.parametrize("options", [["bind", "idmap"], ["rbind", "ridmap"], ["bind"]], ids=",".join)
def test_files_have_other_owners_inside(runtime, bundle, volume, options):
    """Mappings alone are enough, as runc has it: the option is there for runtimes that don't know the mappings."""
    if options == ["bind"] and runtime.name == "crun":
        pytest.xfail("crun looks at the options only")
    made = bundle("stat", "/mnt/file", "/mnt/other")
    made.bind(volume, "/mnt", *options)
    map_owners(made.mounts[-1], (1000, 0), (2000, 7))
    told = runtime.run(made).json
    assert owner(told["/mnt/file"]) == (0, 7)
    assert owner(told["/mnt/other"]) == (NOBODY, NOBODY)


@NEWER
def test_files_made_inside_belong_to_the_mapped_owners(runtime, bundle, volume):
    made = bundle("write", "/mnt/new", "x")
    made.bind(volume, "/mnt", "idmap")
    map_owners(made.mounts[-1], (1000, 0), (2000, 0))
    assert runtime.run(made).json["/mnt/new"]["error"] == ""
    status = (volume / "new").stat()
    assert (status.st_uid, status.st_gid) == (1000, 2000)


@NEWER
def test_the_user_namespaces_mappings_are_the_default(runtime, bundle, volume):
    """Root inside is root on the volume, too, though the host has it as user 100000."""
    made = bundle("stat", "/mnt/file", "/mnt/roots")
    owned(volume / "roots", 0, 0)
    made.user_namespace()
    made.bind(volume, "/mnt", "idmap")
    told = runtime.run(made).json
    assert owner(told["/mnt/roots"]) == (0, 0)
    assert owner(told["/mnt/file"]) == (1000, 2000)


@NEWER
def test_a_mapping_of_its_own_counts_in_a_user_namespace(runtime, bundle, volume):
    made = bundle("stat", "/mnt/file")
    made.user_namespace()
    made.bind(volume, "/mnt", "idmap")
    map_owners(made.mounts[-1], (1000, 100003), (2000, 100004))
    assert owner(runtime.run(made).json["/mnt/file"]) == (3, 4)


@NEWER
def test_the_source_may_be_out_of_reach_of_the_containers_root(runtime, bundle, volume):
    made = bundle("stat", "/mnt/file")
    made.user_namespace()
    volume.parent.joinpath("closed").mkdir(0o700)
    moved = volume.rename(volume.parent / "closed" / "volume")
    made.bind(moved, "/mnt", "idmap")
    map_owners(made.mounts[-1], (1000, 100000), (2000, 100000))
    assert owner(runtime.run(made).json["/mnt/file"]) == (0, 0)


@NEWER
@pytest.mark.parametrize(
    ("option", "below"),
    [
        pytest.param("idmap", (1000, 2000), marks=pytest.mark.deviates("crun", "leaves out the mounts below")),
        pytest.param("ridmap", (0, 0), marks=NEWER_STILL),
    ],
)
def test_only_ridmap_maps_the_mounts_below(runtime, bundle, volume, place, option, below):
    (place / "below").mkdir()
    owned(place / "below" / "file", 1000, 2000)
    (volume / "sub").mkdir()
    mount("--bind", place / "below", volume / "sub")
    try:
        made = bundle("stat", "/mnt/file", "/mnt/sub/file")
        made.bind(volume, "/mnt", "rbind", option)
        map_owners(made.mounts[-1], (1000, 0), (2000, 0))
        told = runtime.run(made).json
    finally:
        unmount(volume / "sub")
    assert owner(told["/mnt/file"]) == (0, 0)
    assert owner(told["/mnt/sub/file"]) == below


@NEWER
def test_a_mapped_volume_keeps_its_flags(runtime, bundle, volume):
    made = bundle("write", "/mnt/file", "y")
    made.bind(volume, "/mnt", "idmap", "ro")
    map_owners(made.mounts[-1], (1000, 0), (2000, 0))
    assert runtime.run(made).json["/mnt/file"]["error"] == "EROFS"


@NEWER
def test_a_mapped_file(runtime, bundle, volume):
    made = bundle("stat", "/etc/mapped")
    made.bind(volume / "file", "/etc/mapped", "idmap")
    map_owners(made.mounts[-1], (1000, 3), (2000, 4))
    assert owner(runtime.run(made).json["/etc/mapped"]) == (3, 4)


@NEWER
def test_mounts_made_inside_do_not_reach_the_host(runtime, bundle, volume):
    """The runtime makes a mapped mount, where the host's mounts are shared (mount_namespaces(7))."""
    with shared_mount(volume):
        made = bundle()
        made.bind(volume, "/mnt", "idmap")
        map_owners(made.mounts[-1], (1000, 0), (2000, 0))
        lines = runtime.run(made).json["mountinfo"]
    assert [word for word in mounted_at(lines, "/mnt").propagation if word.startswith("shared")] == []


@NEWER
@pytest.mark.parametrize("option", ["idmap", pytest.param("ridmap", marks=NEWER_STILL)])
def test_nothing_to_map_by_is_refused(runtime, bundle, volume, option):
    made = bundle()
    made.bind(volume, "/mnt", option)
    assert runtime.run(made).refused


@NEWER
@pytest.mark.parametrize("name", ["uidMappings", "gidMappings"])
def test_one_mapping_without_the_other_is_refused(runtime, bundle, volume, name):
    made = bundle()
    made.bind(volume, "/mnt", "idmap")
    made.mounts[-1][name] = [{"containerID": 0, "hostID": 1, "size": 1}]
    assert runtime.run(made).refused


@NEWER
def test_a_file_system_that_cannot_map_owners_is_refused(runtime, bundle):
    made = bundle()
    made.bind("/proc/self", "/mnt", "idmap")
    map_owners(made.mounts[-1], (0, 1), (0, 1))
    result = runtime.run(made)
    assert result.refused
    if runtime.name == "minirun":
        assert "can't map owners" in result.stderr


@NEWER
def test_mappings_that_overlap_are_refused(runtime, bundle, volume):
    made = bundle()
    made.bind(volume, "/mnt", "idmap")
    map_owners(made.mounts[-1], (0, 1000), (0, 1000), size=10)
    made.mounts[-1]["uidMappings"] *= 2
    assert runtime.run(made).refused
