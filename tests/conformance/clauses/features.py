"""features.md, features-linux.md: what a runtime says that it can do, and whether it does.

The document is a MAY. Only a runtime that has the command `features`, as engines call it, can be tried.
"""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING, Any

from ..hooks import KINDS, Hooks
from ..machine import needs_cgroup2, needs_namespace
from ..runtime import TIME_LIMIT
from ..suite import SHOULD, NotTestable, clause, expect, expect_true

if TYPE_CHECKING:
    from ..container import Container

VERSION = "features.md#specification-version"


def told(container: Container, *path: str) -> Any:
    """What the document says at this place; a case can't be tested where it says nothing."""
    words = [*container.runtime.argv, "features"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=TIME_LIMIT, check=False)
    if done.returncode != 0:
        raise NotTestable("the runtime has no command `features`")
    value = json.loads(done.stdout)
    for name in path:
        value = value.get(name)
        if value is None:
            raise NotTestable(f"the runtime says nothing of {'.'.join(path)}")
    return value


@clause("features.md#features-document", "A runtime MAY provide a JSON document about its implemented features")
def the_features_are_an_object(container: Container) -> None:
    expect_true("the document is an object", isinstance(told(container), dict))


@clause(VERSION, "The runtime MUST accept this value as the `ociVersion` property of `config.json`.")
def the_versions_that_are_told(container: Container) -> None:
    for name in ("ociVersionMin", "ociVersionMax"):
        container.config["ociVersion"] = told(container, name)
        container.look("fds")


@clause(VERSION, "The value MUST NOT be less than the value of the `ociVersionMin` property.")
def the_versions_are_in_order(container: Container) -> None:
    least, most = (told(container, name) for name in ("ociVersionMin", "ociVersionMax"))
    expect_true(f"{least} is not above {most}", without_labels(least) <= without_labels(most))


def without_labels(version: str) -> list[int]:
    """The three numbers. What follows a plus sign counts for nothing, what follows a hyphen for little (semver.org)."""
    return [int(part) for part in re.split("[-+]", version)[0].split(".")]


@clause("features.md#hooks", "The runtime MUST support the elements in this array as the `hooks` property")
def the_hooks_that_are_told(container: Container) -> None:
    kinds, hooks = told(container, "hooks"), Hooks(container)
    expect("names that the spec does not have", [kind for kind in kinds if kind not in KINDS], [])
    for kind in kinds:
        hooks.add(kind)
    container.run("exit", "0")
    expect("the hooks that ran", sorted(hooks.log), sorted(kinds))


@clause(
    "features.md#mount-options",
    (
        "Linux: this array SHOULD NOT contain filesystem-specific mount options that are passed to the mount(2) "
        "syscall as `const void *data`."
    ),
    level=SHOULD,
)
def the_mount_options_are_those_of_all_file_systems(container: Container) -> None:
    names = {option.partition("=")[0] for option in told(container, "mountOptions")}
    expect("options of tmpfs and devpts", names & {"size", "mode", "uid", "gid", "ptmxmode", "newinstance"}, set())


@clause("features-linux.md#namespaces", "The runtime MUST recognize the elements in this array as the `type`")
def the_namespaces_that_are_told(container: Container) -> None:
    for kind in told(container, "linux", "namespaces"):
        needs_namespace(kind)
        container.user_namespace() if kind == "user" else container.namespace(kind)
    container.look("fds")


@clause("features-linux.md#capabilities", "The runtime MUST recognize the elements in this array")
def the_capabilities_that_are_told(container: Container) -> None:
    """Those that the caller lacks are left out with a warning, config.md#linux-process: they are known all the same."""
    container.process["capabilities"] = {"bounding": told(container, "linux", "capabilities")}
    container.look("fds")


@clause("features-linux.md#cgroup", "`v2` (bool, OPTIONAL) represents whether the runtime supports cgroup v2.")
def the_version_of_cgroups_that_is_told(container: Container) -> None:
    """Every runtime that runs a container here does."""
    needs_cgroup2(container)
    expect("linux.cgroup.v2", told(container, "linux", "cgroup", "v2"), True)


@clause(
    "features-linux.md#seccomp", "The runtime MUST recognize the elements in this array", each=("actions", "operators")
)
def the_words_of_filters_that_are_told(container: Container, what: str) -> None:
    """In rules about system calls that the program does not make. A notification would need somebody to take it."""
    words = [word for word in told(container, "linux", "seccomp", what) if word != "SCMP_ACT_NOTIFY"]
    rules: list[dict[str, Any]] = [{"names": ["getsid"], "action": word} for word in words]
    if what == "operators":
        condition = {"index": 0, "value": 1, "valueTwo": 1}
        rules = [
            {"names": ["getsid"], "action": "SCMP_ACT_ERRNO", "args": [condition | {"op": word}]} for word in words
        ]
    for rule, name in zip(
        rules, ("getsid", "getpgid", "getpriority", "sync", "vhangup", "uselib", "swapon", "swapoff")
    ):
        rule["names"] = [name]
    container.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules}
    container.look("fds")
