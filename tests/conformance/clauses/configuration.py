"""bundle.md, and what config.md says of the file as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..suite import clause, expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..container import Container

INVALID = "Runtimes MUST generate an error when invalid or unsupported values are encountered."
SEMVER = "`ociVersion` (string, REQUIRED) MUST be in SemVer v2.0.0 format"


@clause(
    "bundle.md#container-format",
    "This REQUIRED file MUST reside in the root of the bundle directory and MUST be named `config.json`.",
)
def config_json_is_missing(container: Container) -> None:
    container.write("say", "it ran")
    (container.bundle / "config.json").rename(container.bundle / "rootfs" / "config.json")
    expect("exit status 0", container.runtime.run(container.bundle, container.id).status == 0, False)


@clause("config.md#specification-version", SEMVER)
def oci_version_is_missing(container: Container) -> None:
    del container.config["ociVersion"]
    container.must_be_refused("ociVersion is REQUIRED and is not there")


@clause("config.md#specification-version", SEMVER)
def oci_version_is_no_version(container: Container) -> None:
    container.config["ociVersion"] = "one"
    container.must_be_refused("ociVersion is 'one'")


@clause("config.md#specification-version", INVALID)
def oci_version_of_another_major_version(container: Container) -> None:
    container.config["ociVersion"] = "2.0.0"
    container.must_be_refused("ociVersion is 2.0.0, and compatibility is promised within a major version only")


@clause(
    "config.md#specification-version",
    (
        "The Open Container Initiative Runtime Specification follows semantic versioning and retains forward and "
        "backward compatibility within major versions."
    ),
)
def oci_version_of_an_older_minor_version(container: Container) -> None:
    container.config["ociVersion"] = "1.0.0"
    container.look("fds")


UNKNOWN = {
    "top": lambda config: config,
    "process": lambda config: config["process"],
    "root": lambda config: config["root"],
    "mounts": lambda config: config["mounts"][0],
    "linux": lambda config: config["linux"],
}


@clause("config.md#extensibility", "Runtimes MAY log unknown properties but MUST otherwise ignore them.", each=UNKNOWN)
def an_unknown_property_is_ignored(container: Container, place: str) -> None:
    UNKNOWN[place](container.config)["comExampleUnknown"] = {"level": [1, None, "x"]}
    container.look("fds")


@clause("config.md#extensibility", "Runtimes MAY log unknown properties but MUST otherwise ignore them.")
def properties_of_other_platforms_are_ignored(container: Container) -> None:
    container.process["commandLine"] = "cmd.exe /c exit 1"
    container.process["user"]["username"] = "containeradministrator"
    container.config["windows"] = {"layerFolders": ["C:\\Layers\\layer1"]}
    container.config["solaris"] = {"maxShmMemory": "512m"}
    container.look("fds")


WRONG_TYPES = {
    "process.cwd": ("process", "cwd", 7),
    "process.args": ("process", "args", "/probe"),
    "process.env": ("process", "env", {"A": "B"}),
    "root.readonly": ("root", "readonly", "yes"),
    "linux.namespaces": ("linux", "namespaces", {"type": "pid"}),
    "linux.sysctl": ("linux", "sysctl", ["net.core.somaxconn=1"]),
}


@clause("config.md#valid-values", INVALID, each=WRONG_TYPES)
def a_value_of_the_wrong_type(container: Container, place: str) -> None:
    table, name, value = WRONG_TYPES[place]
    container.config[table][name] = value
    container.must_be_refused(f"{place} is {value!r}", own_args=place == "process.args")


def syscalls(config: dict[str, Any], *rules: dict[str, Any]) -> None:
    config["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": list(rules)}


# What can't do without some of its properties: where it goes, a good one, and the properties.
REQUIRED: dict[str, tuple[Callable[[dict[str, Any], dict[str, Any]], Any], dict[str, Any], tuple[str, ...]]] = {
    "user": (lambda config, it: config["process"].update(user=it), {"uid": 0, "gid": 0}, ("uid", "gid")),
    "rlimits": (
        lambda config, it: config["process"].update(rlimits=[it]),
        {"type": "RLIMIT_CORE", "soft": 0, "hard": 0},
        ("type", "soft", "hard"),
    ),
    "scheduler": (lambda config, it: config["process"].update(scheduler=it), {"policy": "SCHED_OTHER"}, ("policy",)),
    "ioPriority": (
        lambda config, it: config["process"].update(ioPriority=it),
        {"class": "IOPRIO_CLASS_BE", "priority": 4},
        ("class",),
    ),
    "uidMappings": (
        lambda config, it: config["linux"].update(uidMappings=[it]),
        {"containerID": 0, "hostID": 100000, "size": 65536},
        ("containerID", "hostID"),  # a_mapping_without_a_size is about the third
    ),
    "personality": (lambda config, it: config["linux"].update(personality=it), {"domain": "LINUX"}, ("domain",)),
    "memoryPolicy": (
        lambda config, it: config["linux"].update(memoryPolicy=it),
        {"mode": "MPOL_DEFAULT", "nodes": ""},
        ("mode",),
    ),
    "syscalls": (syscalls, {"names": ["getsid"], "action": "SCMP_ACT_ERRNO"}, ("action",)),
    "syscalls.args": (
        lambda config, it: syscalls(config, {"names": ["getsid"], "action": "SCMP_ACT_ERRNO", "args": [it]}),
        {"index": 0, "value": 0, "op": "SCMP_CMP_EQ"},
        ("index", "value", "op"),
    ),
}


@clause(
    "config.md#valid-values",
    INVALID,
    each=[(f"{what}.{name}", what, name) for what, (_, _, names) in REQUIRED.items() for name in names],
)
def a_required_property_is_missing(container: Container, row: tuple[str, str, str]) -> None:
    place, what, name = row
    put, good, _ = REQUIRED[what]
    if what == "uidMappings":
        container.user_namespace()
    put(container.config, {key: value for key, value in good.items() if key != name})
    container.must_be_refused(f"{place} is missing")


@clause("config.md#annotations", "Keys MUST NOT be an empty string.")
def an_annotation_with_an_empty_key(container: Container) -> None:
    container.config["annotations"] = {"": "value"}
    container.must_be_refused("an annotation has an empty key")


@clause("config.md#annotations", "Values MUST be strings.")
def an_annotation_that_is_no_string(container: Container) -> None:
    container.config["annotations"] = {"com.example.number": 1}
    container.must_be_refused("an annotation is a number")


@clause("config.md#annotations", "Values MAY be an empty string.")
def an_annotation_with_an_empty_value(container: Container) -> None:
    container.config["annotations"] = {"com.example.nothing": ""}
    container.look("fds")


@clause("config.md#annotations", "Runtimes MUST handle unknown annotation keys like any other unknown property.")
def unknown_annotations_are_ignored(container: Container) -> None:
    container.config["annotations"] = {"com.example.gpu-cores": "2", "org.opencontainers.unknown": "x"}
    container.look("fds")
