"""Device rules as an eBPF program, tried in a small interpreter: config-linux.md#allowed-device-list."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minirun.cgroups.devices import MAXIMUM, default_rules, program
from minirun.cgroups.disassembly import disassembly
from minirun.errors import ConfigError
from minirun.spec.config import DeviceRule

# ---- what should come out


def allowed(rules: tuple[DeviceRule, ...], kind: str, major: int, minor: int, wanted: str) -> bool:
    """The rules as the spec has them, access by access: the last one that matches and names it decides."""
    matching = [
        rule
        for rule in rules
        if rule.type in ("a", kind) and rule.major in (None, major) and rule.minor in (None, minor)
    ]
    if not wanted:
        return any(rule.allow for rule in matching)
    verdicts = [[rule.allow for rule in matching if letter in rule.access] for letter in wanted]
    return all(verdict and verdict[-1] for verdict in verdicts)


# ---- what does come out: the instructions of bpf(2) that the filter is made of, by their numbers


def packed(rules: tuple[DeviceRule, ...]) -> bytes:
    return b"".join(instruction.pack() for instruction in program(rules))


def decoded(code: bytes) -> list[tuple[int, int, int, int, int]]:
    """struct bpf_insn: opcode, destination, source, offset, immediate value."""
    fields = struct.iter_unpack("<BBhi", code)
    return [(opcode, registers & 15, registers >> 4, offset, value) for opcode, registers, offset, value in fields]


def answer(code: bytes, kind: str, major: int, minor: int, wanted: str) -> bool:
    """Run a program as the kernel does, on a struct bpf_cgroup_dev_ctx. A register must be set before it is read."""
    access = sum({"m": 1, "r": 2, "w": 4}[letter] for letter in wanted)
    context = struct.pack("<III", access << 16 | {"b": 1, "c": 2}[kind], major, minor)
    instructions = decoded(code)
    registers: dict[int, int] = {1: 0}  # the address of the context
    counter = 0
    while True:
        opcode, dst, src, offset, value = instructions[counter]
        counter += 1
        match opcode:
            case 0x61:
                registers[dst] = struct.unpack_from("<I", context, registers[src] + offset)[0]
            case 0xBF:
                registers[dst] = registers[src]
            case 0xB7:
                registers[dst] = value
            case 0x57:
                registers[dst] &= value
            case 0x77:
                registers[dst] >>= value
            case 0x15:
                counter += offset if registers[dst] == value else 0
            case 0x55:
                counter += offset if registers[dst] != value else 0
            case 0x45:
                counter += offset if registers[dst] & value else 0
            case 0x95:
                return {0: False, 1: True}[registers[0]]
            case _:
                raise AssertionError(f"opcode {opcode:#x}")


def reached(code: bytes) -> set[int]:
    """The instructions that some path leads to, by either side of every test."""
    instructions = decoded(code)
    found: set[int] = set()
    waiting = [0]
    while waiting:
        counter = waiting.pop()
        if counter in found:
            continue
        found.add(counter)
        opcode, _, _, offset, _ = instructions[counter]
        if opcode in (0x15, 0x55, 0x45):
            assert offset >= 0, "a loop"
            waiting.append(counter + 1 + offset)
        if opcode != 0x95:
            waiting.append(counter + 1)
    return found


# ---- random rules and requests, with few numbers so that they meet

numbers = st.sampled_from([0, 1, 2, 300])
accesses = st.sampled_from(["r", "w", "m", "rw", "wm", "mr", "rwm", "rr"])
rule_lists = st.lists(
    st.builds(
        DeviceRule,
        st.booleans(),
        st.sampled_from("abc"),
        st.none() | numbers,
        st.none() | numbers,
        accesses,
    ),
    max_size=12,
).map(tuple)
requests = st.tuples(st.sampled_from("bc"), numbers, numbers, st.sampled_from(["", "r", "w", "m", "rw", "rm", "rwm"]))


@given(rule_lists, st.lists(requests, min_size=1, max_size=20))
def test_the_program_decides_as_the_rules_do(
    rules: tuple[DeviceRule, ...], asked: list[tuple[str, int, int, str]]
) -> None:
    code = packed(rules)
    for request in asked:
        assert answer(code, *request) == allowed(rules, *request)


@given(rule_lists)
def test_the_program_is_one_that_the_verifier_takes(rules: tuple[DeviceRule, ...]) -> None:
    code = packed(rules)
    assert reached(code) == set(range(len(code) // 8))


# ---- the same by hand

NULL = ("c", 1, 3)
ALLOW_RW = DeviceRule(True, "c", 1, 3, "rw")
DENY_W = DeviceRule(False, "c", 1, 3, "w")
DENY_ALL = DeviceRule(False)


@pytest.mark.parametrize(
    ("rules", "wanted", "expected"),
    [
        ((ALLOW_RW, DENY_W), "r", True),
        ((ALLOW_RW, DENY_W), "w", False),
        ((ALLOW_RW, DENY_W), "rw", False),
        ((DENY_W, ALLOW_RW), "rw", True),
        ((ALLOW_RW,), "m", False),
        ((ALLOW_RW,), "rm", False),
        ((ALLOW_RW, DeviceRule(True, "c", 1, 3, "m")), "rwm", True),
        ((ALLOW_RW, DENY_ALL), "r", False),
        ((DENY_ALL, ALLOW_RW), "r", True),
        ((DeviceRule(True),), "rwm", True),
        ((DeviceRule(True), DeviceRule(False, "c", 1)), "r", False),
        ((DeviceRule(True), DeviceRule(False, "b", 1)), "r", True),
        ((DeviceRule(True), DeviceRule(False, "c", None, 3)), "r", False),
        ((DeviceRule(True), DeviceRule(False, "c", None, 4)), "r", True),
        ((), "r", False),
        ((), "", False),
        ((ALLOW_RW,), "", True),
    ],
)
def test_the_last_rule_that_names_an_access_decides_it(
    rules: tuple[DeviceRule, ...], wanted: str, expected: bool
) -> None:
    assert answer(packed(rules), *NULL, wanted) is expected


@pytest.mark.parametrize(
    ("device", "wanted", "expected"),
    [
        (("c", 1, 3), "rwm", True),  # /dev/null
        (("c", 1, 5), "rwm", True),  # /dev/zero
        (("c", 1, 7), "rwm", True),  # /dev/full
        (("c", 1, 8), "rwm", True),  # /dev/random
        (("c", 1, 9), "rwm", True),  # /dev/urandom
        (("c", 5, 0), "rwm", True),  # /dev/tty
        (("c", 5, 2), "rwm", True),  # /dev/ptmx
        (("c", 136, 7), "rwm", True),  # /dev/pts/7
        (("c", 10, 200), "rwm", True),  # /dev/net/tun
        (("c", 1, 1), "r", False),  # /dev/mem
        (("c", 10, 229), "rw", False),  # /dev/fuse
        (("b", 8, 0), "r", False),  # /dev/sda
        (("b", 1, 3), "r", False),
        (("b", 8, 0), "m", True),
        (("c", 1, 1), "m", True),
    ],
)
def test_every_container_has_the_usual_devices_and_no_others(
    device: tuple[str, int, int], wanted: str, expected: bool
) -> None:
    assert answer(packed((DENY_ALL, *default_rules())), *device, wanted) is expected
    assert answer(packed(default_rules()), *device, wanted) is expected


# ---- its limits, and how it reads


def test_too_many_rules_are_an_error_that_says_so() -> None:
    fitting = tuple(DeviceRule(True, "c", 1, minor) for minor in range(800))
    assert len(program(fitting)) <= MAXIMUM
    with pytest.raises(ConfigError) as error:
        program(fitting * 2)
    assert error.value.pointer == "/linux/resources/devices"


def test_the_longest_jump_fits_into_sixteen_bits() -> None:
    fitting = tuple(DeviceRule(True, "c", 1, minor) for minor in range(800))
    assert answer(packed(fitting), "c", 1, 0, "r")
    assert answer(packed(fitting), "c", 1, 799, "r")
    assert not answer(packed(fitting), "c", 1, 800, "r")


# ---- what is shown


def test_the_disassembly_shows_what_each_rule_became() -> None:
    rules = (DeviceRule(True), DeviceRule(False, "b", 8, None, "w"), DeviceRule(True, "c", 1, 3, "rw"))
    assert disassembly(rules).splitlines() == [
        "; what is asked for, from the struct that r1 points to",
        "   0: r2 = *(u32 *)(r1 +0)            ; access_type: what is wanted << 16 | type",
        "   1: r3 = r2                         ; the same again, to take it apart",
        "   2: r2 &= 0xffff                    ; the type: 1 block, 2 character",
        "   3: r3 >>= 16                       ; what is wanted: 1 mknod, 2 read, 4 write",
        "   4: r4 = *(u32 *)(r1 +4)            ; the major number",
        "   5: r5 = *(u32 *)(r1 +8)            ; the minor number",
        "; rule 3 of 3: allow c 1:3 rw",
        "   6: if r2 != 2 goto 11              ; not a device of type c: next rule",
        "   7: if r4 != 1 goto 11              ; the major number is not 1: next rule",
        "   8: if r5 != 3 goto 11              ; the minor number is not 3: next rule",
        "   9: r3 &= 0x1                       ; allow rw: no longer in question",
        "  10: if r3 == 0 goto 18              ; nothing else is wanted: allow",
        "; rule 2 of 3: deny b 8:* w",
        "  11: if r2 != 1 goto 14              ; not a device of type b: next rule",
        "  12: if r4 != 8 goto 14              ; the major number is not 8: next rule",
        "  13: if r3 & 0x4 goto 16             ; deny w: refuse",
        "; rule 1 of 3: allow a *:* rwm",
        "  14: r3 &= 0x0                       ; allow rwm: no longer in question",
        "  15: if r3 == 0 goto 18              ; nothing else is wanted: allow",
        "; something is left that no rule has allowed, or one has denied: refuse",
        "  16: r0 = 0                          ; the answer: refuse",
        "  17: exit                            ; back to the kernel",
        "; allow",
        "  18: r0 = 1                          ; the answer: allow",
        "  19: exit                            ; back to the kernel",
    ]


@given(rule_lists)
def test_the_disassembly_has_a_line_for_each_instruction(rules: tuple[DeviceRule, ...]) -> None:
    shown = [line for line in disassembly(rules).splitlines() if not line.startswith(";")]
    assert [int(line.partition(":")[0]) for line in shown] == list(range(len(program(rules))))
    assert disassembly(rules).count("; rule ") == len(rules)
