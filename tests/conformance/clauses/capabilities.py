"""config.md#linux-process, capabilities and noNewPrivileges: capabilities(7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..machine import LIBC, PR_CAPBSET_DROP, needs_capability
from ..suite import MUST, SHOULD, clause, expect, expect_true

if TYPE_CHECKING:
    from ..container import Container

LINUX = "config.md#linux-process"
WARNED = (
    "Any value which cannot be mapped to a relevant kernel interface, or cannot be granted otherwise MUST be "
    "logged as a warning by the runtime."
)
NOT_FAIL = (
    "Runtimes SHOULD NOT fail if the container configuration requests capabilities that cannot be granted, for "
    "example, if the runtime operates in a restricted environment with a limited set of capabilities."
)

# Numbers of linux/capability.h.
NUMBERS = {"CAP_CHOWN": 0, "CAP_KILL": 5, "CAP_NET_BIND_SERVICE": 10, "CAP_NET_RAW": 13, "CAP_SYS_BOOT": 22}


def mask(*names: str) -> int:
    return sum(1 << NUMBERS[name] for name in names)


# What each set is given. Ambient ones have to be permitted and inheritable as well: capabilities(7).
SETS = {
    "bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW", "CAP_NET_BIND_SERVICE"],
    "permitted": ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW"],
    "effective": ["CAP_CHOWN", "CAP_NET_RAW"],
    "inheritable": ["CAP_KILL", "CAP_NET_RAW"],
    "ambient": ["CAP_NET_RAW"],
}
# A user other than root, for whom execve(2) leaves only what is ambient; root gets all that the bounding set allows.
AFTER_EXECVE = SETS | {"permitted": ["CAP_NET_RAW"], "effective": ["CAP_NET_RAW"]}


def sentence(name: str) -> str:
    kept_for_the_process = f"the `{name}` field is an array of {name} capabilities that are kept for the process."
    return f"`{name}` (array of strings, OPTIONAL) {kept_for_the_process}"


def kept(container: Container, name: str) -> None:
    container.process["capabilities"] = SETS
    container.process["user"] = {"uid": 1000, "gid": 1000}
    expect(f"the {name} set", container.look_once()["capabilities"][name], mask(*AFTER_EXECVE[name]))


@clause(LINUX, sentence("bounding"))
def the_bounding_set(container: Container) -> None:
    kept(container, "bounding")


@clause(LINUX, sentence("permitted"))
def the_permitted_set(container: Container) -> None:
    kept(container, "permitted")


@clause(LINUX, sentence("effective"))
def the_effective_set(container: Container) -> None:
    kept(container, "effective")


@clause(LINUX, sentence("inheritable"))
def the_inheritable_set(container: Container) -> None:
    kept(container, "inheritable")


@clause(LINUX, sentence("ambient"))
def the_ambient_set(container: Container) -> None:
    kept(container, "ambient")


@clause(LINUX, sentence("bounding"))
def root_has_no_more_than_the_bounding_set(container: Container) -> None:
    container.process["capabilities"] = {name: ["CAP_CHOWN"] for name in ("bounding", "permitted", "effective")}
    told = container.look()["capabilities"]
    expect("the permitted set", told["permitted"], mask("CAP_CHOWN"))


def add_to_all_sets(container: Container, name: str) -> None:
    for names in container.process["capabilities"].values():
        names.append(name)


@clause(LINUX, NOT_FAIL, level=SHOULD)
def an_unknown_capability_is_no_error(container: Container) -> None:
    add_to_all_sets(container, "CAP_FLY")
    container.look("fds")


@clause(LINUX, WARNED, level=MUST)
def an_unknown_capability_is_warned_of(container: Container) -> None:
    add_to_all_sets(container, "CAP_FLY")
    result = container.run("fds")
    expect_true(f"the runtime says something of CAP_FLY: {result.stderr!r}", "FLY" in result.stderr.upper())


def forget_sys_boot() -> None:
    LIBC.prctl(PR_CAPBSET_DROP, NUMBERS["CAP_SYS_BOOT"], 0, 0, 0)


@clause(LINUX, NOT_FAIL, level=SHOULD)
def a_capability_that_the_runtime_lacks_is_no_error(container: Container) -> None:
    """Its caller has taken CAP_SYS_BOOT out of the bounding set, so that execve(2) does not give it to the runtime."""
    needs_capability(8, "CAP_SETPCAP")
    add_to_all_sets(container, "CAP_SYS_BOOT")
    container.look("fds", preexec_fn=forget_sys_boot)


@clause(LINUX, WARNED, level=MUST)
def a_capability_that_the_runtime_lacks_is_warned_of(container: Container) -> None:
    needs_capability(8, "CAP_SETPCAP")
    add_to_all_sets(container, "CAP_SYS_BOOT")
    result = container.run("fds", preexec_fn=forget_sys_boot)
    expect_true(f"the runtime says something of CAP_SYS_BOOT: {result.stderr!r}", result.stderr.strip())


@clause(LINUX, "setting `noNewPrivileges` to true prevents the process from gaining additional privileges.")
def no_new_privileges(container: Container) -> None:
    container.process["noNewPrivileges"] = True
    expect("no_new_privs", container.look()["no_new_privs"], True)


@clause(LINUX, "`noNewPrivileges` (bool, OPTIONAL)")
def no_new_privileges_is_not_set(container: Container) -> None:
    expect("no_new_privs", container.look()["no_new_privs"], False)
