"""The device filter in the kernel: real processes in a real cgroup open and make real devices."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minirun.cgroups.devices import default_rules, program
from minirun.kernel import bpf
from minirun.kernel.libc import SystemCallError
from minirun.spec.config import DeviceRule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Rules = tuple[DeviceRule, ...]

# Devices that every host has, whose opening does nothing: name -> major and minor number.
DEVICES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7)}
FLAGS = {"r": os.O_RDONLY, "w": os.O_WRONLY, "rw": os.O_RDWR}

numbers = itertools.count()


def hierarchy() -> Path | None:
    """Where cgroup2 is mounted, be it alone or beside cgroup v1."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        if after.split()[0] == "cgroup2":
            return Path(before.split()[4])
    return None


pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="loading eBPF and making cgroups needs root"),
    pytest.mark.skipif(hierarchy() is None, reason="no cgroup2 is mounted"),
]


@contextlib.contextmanager
def new_cgroup(parent: Path | None = None) -> Iterator[Path]:
    above = parent or hierarchy()
    assert above is not None
    path = above / f"minirun-test-{os.getpid()}-{next(numbers)}"
    path.mkdir()
    try:
        yield path
    finally:
        path.rmdir()


def packed(rules: Rules) -> bytes:
    return b"".join(instruction.pack() for instruction in program(rules))


def attach(rules: Rules, cgroup: Path) -> None:
    loaded = bpf.prog_load(packed(rules))
    directory = os.open(cgroup, os.O_RDONLY | os.O_DIRECTORY)
    try:
        bpf.prog_attach(loaded, directory, bpf.BPF_F_ALLOW_MULTI)
    finally:
        os.close(directory)
        os.close(loaded)


@contextlib.contextmanager
def filtered(*rules: DeviceRule) -> Iterator[Path]:
    with new_cgroup() as cgroup:
        attach(rules, cgroup)
        yield cgroup


def attempt(cgroup: Path, *deeds: Callable[[], None]) -> list[int]:
    """What a process in `cgroup` gets for each deed: 0, or the errno."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            (cgroup / "cgroup.procs").write_text("0")
            os.write(theirs, bytes(outcome(deed) for deed in deeds))
        finally:
            os._exit(0)
    os.close(theirs)
    with open(ours, "rb") as pipe:
        outcomes = list(pipe.read())
    os.waitpid(pid, 0)
    assert len(outcomes) == len(deeds), "the process could not join the cgroup"
    return outcomes


def outcome(deed: Callable[[], None]) -> int:
    try:
        deed()
    except OSError as error:
        return error.errno or 255
    return 0


def opening(device: str, wanted: str) -> Callable[[], None]:
    return lambda: os.close(os.open(f"/dev/{device}", FLAGS[wanted]))


def making(path: Path, major: int, minor: int, kind: int = stat.S_IFCHR) -> Callable[[], None]:
    return lambda: os.mknod(path, kind | 0o600, os.makedev(major, minor))


# ---- opening


def test_without_a_filter_all_is_allowed(tmp_path: Path) -> None:
    with new_cgroup() as cgroup:
        deeds = [opening(device, wanted) for device in DEVICES for wanted in FLAGS]
        assert set(attempt(cgroup, *deeds, opening("kmsg", "w"), making(tmp_path / "made", 1, 1))) == {0}


def test_what_no_rule_names_is_refused() -> None:
    with filtered(DeviceRule(True, "c", 1, 3)) as cgroup:
        assert attempt(cgroup, opening("null", "rw"), opening("zero", "r")) == [0, errno.EPERM]


def test_an_empty_list_refuses_everything() -> None:
    with filtered() as cgroup:
        assert attempt(cgroup, opening("null", "r"), opening("zero", "r")) == [errno.EPERM] * 2


def test_a_list_that_only_refuses_can_be_loaded() -> None:
    with filtered(DeviceRule(False)) as cgroup:
        assert attempt(cgroup, opening("null", "r")) == [errno.EPERM]


def test_a_later_rule_takes_back_only_what_it_names() -> None:
    with filtered(DeviceRule(True, "c", 1, 3, "rw"), DeviceRule(False, "c", 1, 3, "w")) as cgroup:
        outcomes = attempt(cgroup, *(opening("null", wanted) for wanted in ("r", "w", "rw")))
        assert outcomes == [0, errno.EPERM, errno.EPERM]


def test_a_block_device_is_not_the_character_device_of_the_same_number() -> None:
    with filtered(DeviceRule(True, "b", 1, 3), DeviceRule(True, "c", 1, 5)) as cgroup:
        assert attempt(cgroup, opening("null", "r"), opening("zero", "r")) == [errno.EPERM, 0]


def test_the_filter_of_a_cgroup_holds_in_those_below() -> None:
    with filtered(DeviceRule(True, "c", 1, 3)) as outer, new_cgroup(outer) as inner:
        attach((DeviceRule(True),), inner)
        assert attempt(inner, opening("null", "r"), opening("zero", "r")) == [0, errno.EPERM]


# ---- making


def test_making_a_node_is_an_access_of_its_own(tmp_path: Path) -> None:
    with filtered(DeviceRule(True, "c", 1, 3, "rw"), DeviceRule(True, "c", 1, 5, "m")) as cgroup:
        outcomes = attempt(
            cgroup,
            making(tmp_path / "null", *DEVICES["null"]),
            making(tmp_path / "zero", *DEVICES["zero"]),
            making(tmp_path / "disk", 8, 0, stat.S_IFBLK),
            opening("zero", "r"),
        )
        assert outcomes == [errno.EPERM, 0, errno.EPERM, errno.EPERM]
        assert [path.name for path in tmp_path.iterdir()] == ["zero"]


def test_every_container_may_make_any_node_and_open_the_usual_devices(tmp_path: Path) -> None:
    with filtered(DeviceRule(False), *default_rules()) as cgroup:
        usual = [opening(device, "rw") for device in (*DEVICES, "random", "urandom", "ptmx")]
        nodes = [making(tmp_path / "memory", 1, 1), making(tmp_path / "disk", 8, 0, stat.S_IFBLK)]
        assert set(attempt(cgroup, *usual, *nodes)) == {0}
        assert attempt(cgroup, opening("kmsg", "w")) == [errno.EPERM]


# ---- any rules at all

rule_lists = st.lists(
    st.builds(
        DeviceRule,
        st.booleans(),
        st.sampled_from("abc"),
        st.none() | st.sampled_from([1, 2]),
        st.none() | st.sampled_from([minor for _, minor in DEVICES.values()]),
        st.sampled_from(["r", "w", "m", "rw", "rm", "rwm"]),
    ),
    max_size=8,
).map(tuple)


def may(rules: Rules, major: int, minor: int, letter: str) -> bool:
    """The spec's word on one access to a character device: the last rule that matches and names it."""
    verdicts = [
        rule.allow
        for rule in rules
        if rule.type in "ac" and rule.major in (None, major) and rule.minor in (None, minor) and letter in rule.access
    ]
    return bool(verdicts) and verdicts[-1]


@settings(max_examples=25, deadline=None)
@given(rule_lists)
def test_the_kernel_decides_as_the_rules_do(rules: Rules) -> None:
    asked = list(itertools.product(DEVICES, FLAGS))
    expected = [
        0 if all(may(rules, *DEVICES[device], letter) for letter in wanted) else errno.EPERM for device, wanted in asked
    ]
    with filtered(*rules) as cgroup:
        assert attempt(cgroup, *(opening(device, wanted) for device, wanted in asked)) == expected


def test_a_list_of_hundreds_of_rules_can_be_loaded() -> None:
    rules = tuple(DeviceRule(bool(minor % 3), "c", minor % 40, minor, "rw") for minor in range(300))
    os.close(bpf.prog_load(packed((*rules, *default_rules()))))


# ---- refusals of the kernel


def test_a_program_that_the_verifier_refuses_says_why() -> None:
    without_an_exit = packed((DeviceRule(True),))[:-8]
    with pytest.raises(SystemCallError) as error:
        bpf.prog_load(without_an_exit)
    assert error.value.errno == errno.EINVAL
    assert "exit" in error.value.shown  # of the verifier's "last insn is not an exit or jmp"


def test_the_program_does_not_outlive_an_exec() -> None:
    loaded = bpf.prog_load(packed(default_rules()))
    try:
        assert not os.get_inheritable(loaded)
    finally:
        os.close(loaded)


def test_a_directory_that_is_no_cgroup_gets_no_filter(tmp_path: Path) -> None:
    with pytest.raises(SystemCallError) as error:
        attach(default_rules(), tmp_path)
    assert error.value.errno == errno.EBADF
