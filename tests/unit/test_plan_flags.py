"""What flags do to a plan, and what a step does that no machine for tests can show."""

from __future__ import annotations

import errno
import os
import time

import pytest

from minirun.cli import environment
from minirun.errors import ConfigError, StateError
from minirun.kernel import keys
from minirun.kernel.libc import SystemCallError
from minirun.plan.container import Options, plan
from minirun.plan.exec import ExecOptions, exec_plan
from minirun.runtime.log import Log
from minirun.runtime.notify import News
from minirun.runtime.overview import matching, only
from minirun.spec.config import Config, Linux, Namespace, Process, Resources, Root, User
from minirun.spec.config_rare import IntelRdt
from minirun.steps import cgroup, cgroup_entry, device_filter, hooks, keyring, notify, resctrl
from minirun.steps.program import Execute
from minirun.steps.step import Channel, Context

OPTIONS = Options("web", "/bundle")
PROCESS = Process(cwd="/", user=User(0, 0), args=("sh",), env=("PATH=/bin",))
NAMESPACES = (Namespace("mount"), Namespace("pid"))


def config(**linux: object) -> Config:
    return Config("1.3.0", Root("rootfs"), PROCESS, linux=Linux(**{"namespaces": NAMESPACES, **linux}))


def positions(steps: tuple[object, ...], kind: type) -> list[int]:
    return [index for index, step in enumerate(steps) if isinstance(step, kind)]


# ---- the session keyring


def test_the_keyring_has_the_programs_label() -> None:
    labelled = config().replace(process=PROCESS.replace(selinux_label="a:b:c:d"))
    (joined,) = (step for step in plan(labelled, OPTIONS) if isinstance(step, keyring.JoinSessionKeyring))
    assert (joined.name, joined.label, joined.share) == ("_ses.web", "a:b:c:d", True)


def test_a_further_process_changes_no_rights_of_the_keyring() -> None:
    """It may be another's by then, whose rights are that one's to give."""
    steps = exec_plan(config(), PROCESS, ExecOptions(pid=1, told=hooks.State("", "web", "", ())))
    (joined,) = (step for step in steps if isinstance(step, keyring.JoinSessionKeyring))
    assert (joined.name, joined.share) == ("_ses.web", False)


@pytest.mark.parametrize(("number", "fails"), [(errno.ENOSYS, False), (errno.EDQUOT, True), (errno.EPERM, True)])
def test_only_a_kernel_without_keys_does_without(number: int, fails: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> int:
        raise SystemCallError(number, "keyctl", f"keyctl({name})")

    monkeypatch.setattr(keys, "join_session_keyring", refuse)
    step = keyring.JoinSessionKeyring("_ses.web")
    if fails:
        with pytest.raises(SystemCallError) as refused:
            step.apply(Context(Log(), Channel()))
        assert "--no-new-keyring" in step.cure(refused.value)
    else:
        step.apply(Context(Log(), Channel()))


# ---- a class of service


def test_a_further_process_joins_the_class_of_service() -> None:
    steps = exec_plan(
        config(intel_rdt=IntelRdt(clos_id="gold", enable_monitoring=True)),
        PROCESS,
        ExecOptions(pid=1, told=hooks.State("", "web", "", ())),
    )
    (found,) = positions(steps, resctrl.FindResctrl)
    group, monitoring = positions(steps, resctrl.JoinClos)
    assert found < group
    assert [steps[group].group, steps[monitoring].group] == ["gold", "gold/mon_groups/web"]  # type: ignore[attr-defined]
    assert not positions(steps, resctrl.MakeClos)


# ---- no cgroup


def test_without_a_cgroup_there_is_nothing_that_takes_one() -> None:
    steps = plan(config(), OPTIONS.replace(cgroup_manager="disabled"))
    kinds = (cgroup.ChooseCgroup, cgroup.MakeCgroup, cgroup_entry.JoinCgroup, device_filter.AttachDeviceFilter)
    assert [kind for kind in kinds if positions(steps, kind)] == []
    assert len(positions(steps, cgroup_entry.StayInCgroup)) == 1


def test_a_limit_without_a_cgroup_is_refused() -> None:
    limited = config(resources=Resources(pids_limit=5))
    with pytest.raises(ConfigError, match="/linux/resources/pids"):
        plan(limited, OPTIONS.replace(cgroup_manager="disabled"))


# ---- news


def test_the_socket_is_opened_by_who_starts_the_program() -> None:
    steps = plan(config(), OPTIONS.replace(notify_socket="/run/systemd/notify", wait_for_start=True))
    waiting = next(index for index, step in enumerate(steps) if step.ends_create)
    (directory,), (opened,), (program,) = (
        positions(steps, kind) for kind in (notify.MakeNotifyDirectory, notify.OpenNotifySocket, Execute)
    )
    assert directory < waiting < opened < program
    assert "NOTIFY_SOCKET=/run/notify/notify.sock" in steps[program].environment  # type: ignore[attr-defined]


class Deaf:
    """A service manager that is gone."""

    def send(self, message: bytes, descriptors: tuple[int, ...] = ()) -> None:
        raise ConnectionRefusedError


def test_a_barrier_is_not_waited_for_where_nobody_listens() -> None:
    started = time.monotonic()
    News(Deaf(), Deaf(), 1).wait_until_read()  # type: ignore[arg-type]
    assert time.monotonic() - started < 1


# ---- what the environment says


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"LISTEN_FDS": "2", "LISTEN_PID": "own", "LISTEN_FDNAMES": "a:b"}, (2, "a:b")),
        ({"LISTEN_FDS": "2", "LISTEN_PID": "own"}, (2, "")),
        ({"LISTEN_FDS": "2", "LISTEN_PID": "1"}, (0, "")),
        ({"LISTEN_FDS": "2"}, (0, "")),
        ({"LISTEN_PID": "own"}, (0, "")),
        ({}, (0, "")),
    ],
)
def test_listeners(variables: dict[str, str], expected: tuple[int, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, str(os.getpid()) if value == "own" else value)
    assert environment.listeners() == expected


@pytest.mark.parametrize("number", ["x", "-1", "²"])
def test_listeners_without_a_number(number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTEN_FDS", number)
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    with pytest.raises(StateError):
        environment.listeners()


# ---- ps


LISTING = """\
UID          PID    PPID  C CMD
root           1       0  0 init
root          12       1  0 sh -c 7
root           7       1  0 sleep 12
"""


def test_only_the_column_counts() -> None:
    assert only([7], LISTING).splitlines() == [LISTING.splitlines()[0], LISTING.splitlines()[3]]
    assert only([], LISTING).splitlines() == [LISTING.splitlines()[0]]


def test_a_listing_without_pids_is_refused() -> None:
    with pytest.raises(StateError, match="PID"):
        only([7], "CMD\nsh\n")


def test_matching_finds_anywhere(tmp_path) -> None:  # type: ignore[no-untyped-def]
    for name in ("web-1", "web-2", "db-1"):
        (tmp_path / name).mkdir()
    assert matching(str(tmp_path), "web") == ["web-1", "web-2"]
    assert matching(str(tmp_path), "-1$") == ["db-1", "web-1"]
    assert matching(str(tmp_path / "none"), ".") == []
