"""config-linux.md#allowed-device-list, by what the container may do with a device that has no driver.

Major number 240 is for local use. Opening such a device fails with ENXIO, and with EPERM where a rule forbids it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..machine import needs_cgroups
from ..suite import clause, expect

if TYPE_CHECKING:
    from ..container import Container

RULES = "config-linux.md#allowed-device-list"
ACCESS = (
    "`access` (string, OPTIONAL) - cgroup permissions for device. A composition of `r` (read), `w` (write), and "
    "`m` (mknod)."
)
UNSET = 'Unset values mean "all", mapping to `*` in the filesystem API.'

NOTHING = {"allow": False, "access": "rwm"}
ALLOWED = {"mknod": "", "read": "ENXIO", "write": "ENXIO"}


def opening(told: dict[str, str]) -> tuple[str, str]:
    """A device that can't even be made can't be opened either."""
    return (told.get("read", "EPERM"), told.get("write", "EPERM"))


DENIED = ("EPERM", "EPERM")


def try_device(container: Container, *rules: dict[str, Any], kind: str = "c", minor: str = "77") -> dict[str, str]:
    needs_cgroups(container)
    container.resources(devices=list(rules))
    return dict(container.look("mknod", "/dev/extra", kind, "240", minor))


def rule(allow: bool, access: str = "rwm", **more: Any) -> dict[str, Any]:
    return {"allow": allow, "type": "c", "major": 240, "minor": 77, "access": access} | more


@clause(RULES, "`allow` (boolean, REQUIRED) - whether the entry is allowed or denied.")
def a_rule_that_denies_everything(container: Container) -> None:
    expect("opening it", opening(try_device(container, NOTHING)), DENIED)


@clause(RULES, ACCESS)
def a_rule_that_denies_making_nodes(container: Container) -> None:
    expect("making it", try_device(container, NOTHING)["mknod"], "EPERM")


@clause(RULES, "`allow` (boolean, REQUIRED) - whether the entry is allowed or denied.")
def a_rule_that_allows(container: Container) -> None:
    expect("the device", try_device(container, NOTHING, rule(True)), ALLOWED)


@clause(RULES, "The runtime MUST apply entries in the listed order.")
def a_rule_that_denies_after_one_that_allows(container: Container) -> None:
    expect("opening it", opening(try_device(container, NOTHING, rule(True), rule(False))), DENIED)


@clause(RULES, "The runtime MUST apply entries in the listed order.")
def a_rule_that_denies_everything_in_the_end(container: Container) -> None:
    expect("opening it", opening(try_device(container, NOTHING, rule(True), NOTHING)), DENIED)


@clause(RULES, ACCESS)
def a_rule_for_reading_alone(container: Container) -> None:
    told = try_device(container, NOTHING, rule(True, "mr"))
    expect("the device", told, {"mknod": "", "read": "ENXIO", "write": "EPERM"})


@clause(RULES, ACCESS)
def a_rule_for_writing_alone(container: Container) -> None:
    told = try_device(container, NOTHING, rule(True, "mw"))
    expect("the device", told, {"mknod": "", "read": "EPERM", "write": "ENXIO"})


@clause(RULES, ACCESS)
def a_rule_that_takes_one_permission_away(container: Container) -> None:
    told = try_device(container, NOTHING, rule(True), rule(False, "w"))
    expect("the device", told, {"mknod": "", "read": "ENXIO", "write": "EPERM"})


@clause(RULES, "`type` (string, OPTIONAL) - type of device: `a` (all), `c` (char), or `b` (block).")
def a_rule_of_the_other_type(container: Container) -> None:
    expect(
        "opening it", try_device(container, NOTHING, rule(True, "rw", type="b"), rule(True, "m")).get("read"), "EPERM"
    )


@clause(RULES, "`type` (string, OPTIONAL) - type of device: `a` (all), `c` (char), or `b` (block).")
def a_rule_for_block_devices(container: Container) -> None:
    told = try_device(container, NOTHING, rule(True, type="b"), kind="b")
    expect("the device", told, ALLOWED)


@clause(RULES, UNSET)
def a_rule_without_a_minor_number(container: Container) -> None:
    wide = rule(True)
    del wide["minor"]
    expect("the device", try_device(container, NOTHING, wide, minor="99"), ALLOWED)


@clause(RULES, UNSET)
def a_rule_for_another_minor_number(container: Container) -> None:
    told = try_device(container, NOTHING, rule(True, "rw"), rule(True, "m", minor=99), minor="99")
    expect("the device", told, {"mknod": "", "read": "EPERM", "write": "EPERM"})


@clause(RULES, 'Unset values mean "all", mapping to `a`.')
def a_rule_without_a_type(container: Container) -> None:
    expect("the device", try_device(container, NOTHING, {"allow": True, "access": "rwm"}), ALLOWED)


@clause(
    RULES,
    "Runtimes MUST generate an error when invalid or unsupported values are encountered.",
    each=("access", "type"),
)
def a_rule_that_makes_no_sense(container: Container, part: str) -> None:
    needs_cgroups(container)
    container.resources(devices=[rule(True, **{part: "x"})])
    container.must_be_refused(f"the {part} of a device rule is x")
