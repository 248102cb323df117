"""The session keyring: keys of the caller's are not the container's (session-keyring(7), keyctl(2))."""

from __future__ import annotations

import ctypes
import os

import pytest

from kernel.kit import needs

pytestmark = [pytest.mark.root, needs.path("/proc/keys")]

libc = ctypes.CDLL(None, use_errno=True)
SYS_KEYCTL = {"x86_64": 250, "aarch64": 219}[os.uname().machine]
KEYCTL_JOIN_SESSION_KEYRING, KEYCTL_GET_KEYRING_ID = 1, 0  # linux/keyctl.h
SESSION = -3
KEY_USR_SEARCH = 0x00080000


def own_session() -> int:
    return libc.syscall(SYS_KEYCTL, KEYCTL_GET_KEYRING_ID, SESSION, 0)


@pytest.fixture(scope="module", autouse=True)
def callers_keyring():
    """One that can't be the default, so that it would be seen inside."""
    libc.syscall(SYS_KEYCTL, KEYCTL_JOIN_SESSION_KEYRING, f"minirun-tests-{os.getpid()}".encode())


def keyring(told: dict) -> list[str]:
    """Type, user, group, permissions and name of the session keyring."""
    return told["session_keyring"]["description"].split(";")


def test_a_container_has_a_session_keyring_of_its_own(runtime, bundle):
    told = runtime.run(bundle()).json
    assert told["session_keyring"]["serial"] not in (own_session(), -1)
    assert not keyring(told)[4].startswith("minirun-tests-")


@pytest.mark.deviates("crun", "names it by the id alone")
def test_it_is_named_after_the_container(runtime, bundle):
    assert keyring(runtime.run(bundle(), container_id="minirun-test-keys").json)[4] == "_ses.minirun-test-keys"


@pytest.mark.deviates("crun", "gives the right to search to others")
def test_its_user_may_search_it(runtime, bundle):
    assert int(keyring(runtime.run(bundle()).json)[3], 16) & KEY_USR_SEARCH


def test_no_new_keyring_leaves_the_callers(runtime, bundle):
    told = runtime.run(bundle(), options=["--no-new-keyring"]).json
    assert told["session_keyring"]["serial"] == own_session()


@pytest.mark.parametrize("in_user_namespace", [False, True])
@pytest.mark.deviates("runc", "with a user namespace: version 1.1 can't find it again")
@pytest.mark.deviates("crun", "a further process stays in the caller's")
def test_a_further_process_shares_it(life, in_user_namespace):
    one = life()
    if in_user_namespace:
        one.bundle.user_namespace()
        one.bundle.write()
    one.started()
    first, second = (one.call("exec", "/probe").json for _ in range(2))
    assert first["session_keyring"] == second["session_keyring"]
    assert keyring(first)[4] == f"_ses.{one.id}"
    assert first["session_keyring"]["serial"] != own_session()


@pytest.mark.deviates("crun", "a further process stays in the caller's")
def test_a_further_process_follows_no_new_keyring(life):
    one = life().started("--no-new-keyring")
    assert one.call("exec", "/probe").json["session_keyring"]["serial"] == own_session()


@pytest.mark.deviates("crun", "a further process stays in the caller's")
def test_two_containers_have_two(life):
    one, two = life().started(), life().started()
    seen = [container.call("exec", "/probe").json["session_keyring"]["serial"] for container in (one, two)]
    assert seen[0] != seen[1]
