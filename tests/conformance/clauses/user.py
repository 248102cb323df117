"""config.md#posix-platform-user"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..machine import needs_namespace
from ..suite import SHOULD, clause, expect

if TYPE_CHECKING:
    from ..container import Container

USER = "config.md#posix-platform-user"
UMASK = "If unspecified, the umask should not be changed from the calling process' umask."


@clause(USER, "`uid` (int, REQUIRED) specifies the user ID in the container namespace.")
def the_uid(container: Container) -> None:
    container.process["user"] = {"uid": 1234, "gid": 0}
    told = container.look()
    expect("real, effective and saved uid", [told[name] for name in ("uid", "euid", "suid")], [1234] * 3)


@clause(USER, "`gid` (int, REQUIRED) specifies the group ID in the container namespace.")
def the_gid(container: Container) -> None:
    container.process["user"] = {"uid": 0, "gid": 4321}
    told = container.look()
    expect("real, effective and saved gid", [told[name] for name in ("gid", "egid", "sgid")], [4321] * 3)


@clause(USER, "`uid` (int, REQUIRED) specifies the user ID in the container namespace.")
def the_uid_in_a_user_namespace(container: Container) -> None:
    needs_namespace("user")
    container.user_namespace()
    container.process["user"] = {"uid": 1234, "gid": 4321}
    told = container.look()
    expect("uid and gid", (told["uid"], told["gid"]), (1234, 4321))


@clause(
    USER,
    (
        "`additionalGids` (array of ints, OPTIONAL) specifies additional group IDs in the container namespace to "
        "be added to the process."
    ),
)
def additional_groups(container: Container) -> None:
    container.process["user"] = {"uid": 1, "gid": 1, "additionalGids": [5, 70000]}
    expect("the groups", sorted(set(container.look()["groups"]) - {1}), [5, 70000])


@clause(USER, "`umask` (int, OPTIONAL) specifies the umask of the user.")
def the_umask(container: Container) -> None:
    container.process["user"]["umask"] = 0o27
    expect("the umask", container.look()["umask"], 0o27)


@clause(USER, "`umask` (int, OPTIONAL) specifies the umask of the user.")
def the_umask_is_zero(container: Container) -> None:
    container.process["user"]["umask"] = 0
    expect("the umask", container.look()["umask"], 0)


@clause(USER, UMASK, level=SHOULD)
def the_umask_is_not_set(container: Container) -> None:
    told = container.look(preexec_fn=lambda: os.umask(0o77))
    expect("the umask where the caller has 0077", told["umask"], 0o77)


@clause(USER, "`uid` (int, REQUIRED) specifies the user ID in the container namespace.")
def a_uid_that_is_not_mapped(container: Container) -> None:
    needs_namespace("user")
    container.user_namespace(size=1000)
    container.process["user"] = {"uid": 1000, "gid": 0}
    container.must_be_refused("uid 1000 is not mapped")
