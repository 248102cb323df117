"""Rights that a program should not have: another user's, another container's cgroup, keys, and what a hook inherits."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kernel.escapes.kit import without
from kernel.kit import needs
from kernel.kit.outside import own_cgroup, table

if TYPE_CHECKING:
    from collections.abc import Callable

    from kernel.escapes.kit import Attacked
    from kernel.kit.bundle import Bundle
    from kernel.kit.life import Life

pytestmark = [pytest.mark.root, pytest.mark.only("minirun", "it is weakened for the proof")]

NO_USERS = ("1000x", "0x3e8", "-1", "4294967296", " ", ":1000", "root", "١٠٠٠", "1000:x", "1_000")


@without("users-by-int")
def test_a_user_that_is_no_number_is_not_root(attacked: Attacked, lives: Callable[..., Life]) -> None:
    """CVE-2026-30892: what can't be read as a number was taken for 0."""
    one = lives().started()
    ran = [word for word in NO_USERS if one.call("exec", "/probe", "exit", options=["--user", word]).status == 0]
    assert bool(ran) == attacked.is_weak, ran


@without("rights-are-inherited")
def test_a_right_more_is_not_inheritable(attacked: Attacked, lives: Callable[..., Life]) -> None:
    """CVE-2022-29162, CVE-2022-27650: another program of the image would get it by a flag of its file."""
    one = lives().started()
    status = table(one.call("exec", "/probe", options=["--cap", "CAP_NET_RAW"]).json["status"])
    assert (int(status["CapInh"], 16) != 0) == attacked.is_weak


@needs.cgroup2()
@without("cgroup-anywhere")
@pytest.mark.parametrize("way", ["../{}", "/../{}", "x/../../{}"])
def test_a_further_process_stays_below_the_containers_cgroup(
    attacked: Attacked, lives: Callable[..., Life], way: str
) -> None:
    """In another one neither the container's limits nor its end would hold for it."""
    one, other = lives().started(), lives().started()
    (own := cgroup_of(one) / "x").mkdir()
    result = one.call("exec", "/probe", "read", "/proc/self/cgroup", options=["--cgroup", way.format(other.id)])
    own.rmdir()
    escaped = result.status == 0 and other.id in own_cgroup(result.json["/proc/self/cgroup"]["text"].splitlines())
    assert escaped == attacked.is_weak


@needs.cgroup2()
@pytest.mark.parametrize("way", ["{path}", "{other}", "/minirun/{other}", "x\n../{other}"])
def test_no_name_leads_to_anothers_cgroup(life: Callable[..., Life], way: str) -> None:
    """Names are those of cgroups below the container's own, whatever they begin with."""
    one, other = life().started(), life().started()
    place = cgroup_of(other)
    options = ["--cgroup", way.format(other=other.id, path=place, mount=place.parents[1])]
    assert one.call("exec", "/probe", "exit", options=options).status == 255


def cgroup_of(one: Life) -> Path:
    from kernel.kit.outside import cgroup2_root

    return Path(f"{cgroup2_root()}{one.process.cgroup()}")


# ---- keys


libc = ctypes.CDLL(None, use_errno=True)
KEYCTL, ADD_KEY = {"x86_64": (250, 248), "aarch64": (219, 217)}[os.uname().machine]
KEYCTL_JOIN_SESSION_KEYRING, SESSION = 1, -3  # linux/keyctl.h


@pytest.fixture
def key() -> str:
    """The name of a key in the caller's session keyring."""
    name = f"minirun-tests-{os.getpid()}-secret"
    libc.syscall(KEYCTL, KEYCTL_JOIN_SESSION_KEYRING, name.encode())
    libc.syscall(ADD_KEY, b"user", name.encode(), b"key", 3, SESSION)
    return name


@needs.path("/proc/keys")
@without("callers-keyring")
@pytest.mark.parametrize("command", ["run", "exec"])
def test_a_key_of_the_callers_can_not_be_read(
    attacked: Attacked, lives: Callable[..., Life], key: str, command: str
) -> None:
    words = ("attack", f"key=key:{key}")
    if command == "exec":
        told = lives().started().call("exec", "/probe", *words).json
    else:
        told = attacked.run(lives(*words).bundle).json
    assert (told["key"] == "") == attacked.is_weak


# ---- the environment of helpers and hooks


@without("callers-environment")
def test_a_hook_has_no_variables_but_its_own(attacked: Attacked, bundle: Callable[..., Bundle], place: Path) -> None:
    """Neither the caller's, nor those of the program: LD_PRELOAD there would be for a program of the host."""
    made = bundle("exit", "0")
    made.process["env"].append(f"LD_PRELOAD={place}/of-the-program.so")
    script = f"tr '\\0' '\\n' < /proc/self/environ > {place}/environment"
    made.config["hooks"] = {"createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", script], "env": ["OWN=1"]}]}
    assert attacked.run(made, environment={"OF_THE_CALLER": "1"}).status == 0
    seen = (place / "environment").read_text()
    assert "OWN=1" in seen and "LD_PRELOAD" not in seen
    assert ("OF_THE_CALLER" in seen) == attacked.is_weak


# ---- the filter


UNSHARE = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["unshare"], "action": "SCMP_ACT_ERRNO"}]}


@without("filter-is-left-out")
@pytest.mark.parametrize("no_new_privs", [False, True], ids=["privileges first", "filter last"])
@pytest.mark.parametrize("command", ["run", "exec"])
def test_the_filter_holds_from_the_first_instruction(
    attacked: Attacked, lives: Callable[..., Life], no_new_privs: bool, command: str
) -> None:
    """With no_new_privs it is loaded last, else while there is still the right to."""
    words = ("attack", "filter=unshare")
    one = lives(*(words if command == "run" else ("sleep",)))
    one.bundle.linux["seccomp"] = UNSHARE
    one.bundle.process["noNewPrivileges"] = no_new_privs
    one.bundle.write()
    told = (attacked.run(one.bundle) if command == "run" else one.started().call("exec", "/probe", *words)).json
    assert (told["filter"] == "") == attacked.is_weak
