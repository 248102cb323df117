"""The top level of config.json, root and mounts."""

from __future__ import annotations

import pytest
from unit.spec.spec_helpers import GONE, GOOD, MAPPINGS, Bad, bad, changed, load_changed

from minirun.errors import ConfigError
from minirun.spec.config import Linux, Mount, Root
from minirun.spec.load import parse


@bad(
    Bad("/ociVersion", GONE, says="missing"),
    Bad("/ociVersion", None),
    Bad("/ociVersion", 1.0),
    Bad("/ociVersion", ""),
    Bad("/ociVersion", "1"),
    Bad("/ociVersion", "1.0"),
    Bad("/ociVersion", "1.0.0.0"),
    Bad("/ociVersion", "1.4.0"),
    Bad("/ociVersion", "0.9.0"),
    Bad("/ociVersion", "2.0.0"),
    Bad("/ociVersion", "01.0.0"),
    Bad("/ociVersion", "1.0.x"),
    Bad("/ociVersion", "1.0.-dev"),
    Bad("/ociVersion", "1.0.2-"),
    Bad("/ociVersion", "1.0.2-dev\n"),
    Bad("/ociVersion", "1.٢.0"),
    Bad("/ociVersion", "v1.0.0"),
    Bad("/root", GONE, says="missing"),
    Bad("/root", "rootfs"),
    Bad("/root", []),
    Bad("/root/path", GONE, says="missing"),
    Bad("/root/path", ""),
    Bad("/root/path", "a\0b"),
    Bad("/root/path", "\ud800"),
    Bad("/root/readonly", "true"),
    Bad("/root/readonly", 1),
    Bad("/process", []),
    Bad("/linux", "x"),
    Bad("/mounts", {}),
    Bad("/mounts", ["/proc"], "/mounts/0"),
    Bad("/mounts", [None], "/mounts/0"),
    Bad("/mounts", [{"type": "proc"}], "/mounts/0/destination"),
    Bad("/mounts", [{"destination": ""}], "/mounts/0/destination"),
    Bad("/mounts", [{"destination": "/a"}, {"destination": 3}], "/mounts/1/destination"),
    Bad("/mounts", [{"destination": "/a", "type": 3}], "/mounts/0/type"),
    Bad("/mounts", [{"destination": "/a", "source": False}], "/mounts/0/source"),
    Bad("/mounts", [{"destination": "/a", "options": "ro"}], "/mounts/0/options"),
    Bad("/mounts", [{"destination": "/a", "uidMappings": MAPPINGS}], "/mounts/0/gidMappings", says="missing"),
    Bad("/mounts", [{"destination": "/a", "gidMappings": MAPPINGS}], "/mounts/0/uidMappings", says="missing"),
    Bad("/mounts", [{"destination": "/a", "options": ["ro", None]}], "/mounts/0/options/1"),
    Bad("/annotations", []),
    Bad("/annotations", {"": "x"}, "/annotations/"),
    Bad("/annotations", {"a/b~": 1}, "/annotations/a~1b~0"),
    Bad("/hostname", 7),
    Bad("/hostname", "a", says="uts", also={"/linux/namespaces": [{"type": "mount"}]}),
    Bad("/domainname", "a", says="uts", also={"/linux/namespaces": [{"type": "mount"}]}),
    Bad("/domainname", "a\0"),
)
def test_bad(row: Bad) -> None:
    row.check()


@pytest.mark.parametrize("value", [None, [], "x", 1, 1.5, True])
def test_the_top_level_is_an_object(value: object) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(value)
    assert caught.value.pointer == ""


@pytest.mark.parametrize("version", ["1.0.0", "1.0.2-dev", "1.0.0-rc5", "1.1.0+dev", "1.2.1", "1.3.0", "1.3.7-a.b+c"])
def test_versions(version: str) -> None:
    assert load_changed({"/ociVersion": version}).oci_version == version


def test_the_smallest_config() -> None:
    config = parse({"ociVersion": "1.0.0", "root": {"path": "/r"}, "linux": {"namespaces": [{"type": "mount"}]}})
    assert config.root == Root("/r", readonly=False)
    assert config.process is None
    assert config.hostname is None
    assert config.mounts == ()
    assert config.annotations == {}
    assert config.linux.replace(namespaces=()) == Linux()


def test_null_counts_as_absent() -> None:
    names = ("process", "hostname", "domainname", "mounts", "annotations", "hooks", "solaris")
    assert parse({**GOOD, **dict.fromkeys(names)}) == parse({key: GOOD[key] for key in GOOD if key != "process"})


def test_unknown_properties_are_ignored() -> None:
    unknown = {"/x": 1, "/process/x": [], "/root/x": "", "/linux/x": {"y": 1}, "/linux/namespaces/0/x": 1}
    assert load_changed(unknown) == parse(GOOD)


def test_other_platforms_are_ignored() -> None:
    others = {"/process/commandLine": "x", "/process/user/username": "x", "/windows": 1, "/vm": 1, "/zos": 1}
    assert load_changed(others) == parse(GOOD)


def test_mount() -> None:
    mount = {"destination": "/a", "type": "tmpfs", "source": "x", "options": ["ro", "size=1k", "unheard of"]}
    assert load_changed({"/mounts": [mount]}).mounts == (Mount("/a", "tmpfs", "x", ("ro", "size=1k", "unheard of")),)


def test_mounts_keep_their_order() -> None:
    mounts = load_changed({"/mounts": [{"destination": place} for place in ("/b", "/a", "/b")]}).mounts
    assert [mount.destination for mount in mounts] == ["/b", "/a", "/b"]


def test_relative_destination_is_relative_to_the_root() -> None:
    assert load_changed({"/mounts": [{"destination": "proc"}]}).mounts == (Mount("/proc"),)


def test_names_with_a_uts_namespace() -> None:
    config = load_changed({"/hostname": "h", "/domainname": "d"})
    assert (config.hostname, config.domainname) == ("h", "d")


def test_names_with_a_uts_namespace_of_another() -> None:
    namespaces = [{"type": "mount"}, {"type": "uts", "path": "/proc/1/ns/uts"}]
    assert load_changed({"/linux/namespaces": namespaces, "/hostname": "h"}).hostname == "h"


def test_an_empty_host_name_asks_for_nothing() -> None:
    config = load_changed({"/linux/namespaces": [{"type": "mount"}], "/hostname": "", "/domainname": ""})
    assert (config.hostname, config.domainname) == (None, None)


def test_annotations() -> None:
    assert load_changed({"/annotations": {"a": "1", "b": ""}}).annotations == {"a": "1", "b": ""}


def test_the_input_stays_as_it_was() -> None:
    config = changed({"/hostname": "h", "/mounts": [{"destination": "proc"}]})
    parse(config)
    assert config == changed({"/hostname": "h", "/mounts": [{"destination": "proc"}]})
