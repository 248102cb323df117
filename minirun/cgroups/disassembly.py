"""The program of the device rules (devices.py) as text: what each rule became, and what each instruction means.

; rule 1 of 1: allow c 1:3 rw
   6: if r2 != 2 goto 11              ; not a device of type c: next rule
   7: if r4 != 1 goto 11              ; the major number is not 1: next rule
   8: if r5 != 3 goto 11              ; the minor number is not 3: next rule
   9: r3 &= 0x1                       ; allow rw: no longer in question
  10: if r3 == 0 goto 13              ; nothing else is wanted: allow
"""

from __future__ import annotations

from .devices import (
    ACCESSES,
    ALLOW,
    AND,
    ANSWER,
    CONTEXT,
    COPY,
    EVERYTHING,
    EXIT,
    IF_ANY,
    IF_EQUAL,
    IF_OTHER,
    LOAD,
    MAJOR,
    MINOR,
    READ_REQUEST,
    REFUSE,
    SET,
    SHIFT,
    TYPE,
    TYPES,
    WANTED,
    block,
    program,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..spec.config import DeviceRule
    from .devices import Instruction, Rules

    Part = tuple[str, int]  # a heading, and how many instructions it is for

# As the kernel's own tools write an instruction (bpftool-prog(8), dump xlated), but for the targets of jumps: those are
# the numbers of lines.
SYNTAX = {
    LOAD: "r{dst} = *(u32 *)(r{src} +{off})",
    COPY: "r{dst} = r{src}",
    SET: "r{dst} = {imm}",
    AND: "r{dst} &= {imm:#x}",
    SHIFT: "r{dst} >>= {imm}",
    IF_EQUAL: "if r{dst} == {imm} goto {target}",
    IF_OTHER: "if r{dst} != {imm} goto {target}",
    IF_ANY: "if r{dst} & {imm:#x} goto {target}",
    EXIT: "exit",
}

# What an instruction means here, where each register has one meaning throughout.
MEANING = {
    (LOAD, TYPE): "access_type: what is wanted << 16 | type",
    (COPY, WANTED): "the same again, to take it apart",
    (AND, TYPE): "the type: 1 block, 2 character",
    (SHIFT, WANTED): "what is wanted: 1 mknod, 2 read, 4 write",
    (LOAD, MAJOR): "the major number",
    (LOAD, MINOR): "the minor number",
    (IF_OTHER, TYPE): "not a device of type {type}: next rule",
    (IF_OTHER, MAJOR): "the major number is not {imm}: next rule",
    (IF_OTHER, MINOR): "the minor number is not {imm}: next rule",
    (IF_ANY, WANTED): "deny {named}: refuse",
    (AND, WANTED): "allow {others}: no longer in question",
    (IF_EQUAL, WANTED): "nothing else is wanted: allow",
    (SET, ANSWER): "the answer: {answer}",
    (EXIT, ANSWER): "back to the kernel",
}


def disassembly(rules: Rules) -> str:
    """The program for a list of rules, as devices.py makes it: an instruction a line, in the order of its execution."""
    instructions = program(rules)
    lines: list[str] = []
    number = 0
    for heading, size in parts(rules):
        lines.append(f"; {heading}")
        lines += (line(at, instructions[at]) for at in range(number, min(number + size, len(instructions))))
        number += size
    return "\n".join(lines)


def parts(rules: Rules) -> Iterator[Part]:
    """The rules are asked from the last to the first."""
    yield f"what is asked for, from the struct that r{CONTEXT} points to", len(READ_REQUEST)
    for number, rule in reversed(list(enumerate(rules, start=1))):
        yield f"rule {number} of {len(rules)}: {words(rule)}", len(block(rule, 0))
    yield "something is left that no rule has allowed, or one has denied: refuse", len(REFUSE)
    if any(rule.allow for rule in rules):
        yield "allow", len(ALLOW)


def words(rule: DeviceRule) -> str:
    """ "deny b *:* w" """
    numbers = ":".join("*" if number is None else str(number) for number in (rule.major, rule.minor))
    return f"{'allow' if rule.allow else 'deny'} {rule.type} {numbers} {rule.access}"


def line(number: int, instruction: Instruction) -> str:
    code, dst, src, off, imm = instruction.values()
    written = SYNTAX[code].format(dst=dst, src=src, off=off, imm=imm, target=number + 1 + off)
    return f"{number:>4}: {written:<32}; {meaning(instruction)}"


def meaning(instruction: Instruction) -> str:
    imm = instruction.imm
    return MEANING[instruction.code, instruction.dst].format(
        imm=imm,
        type=next((letter for letter, number in TYPES.items() if number == imm), ""),
        named=letters(imm),
        others=letters(EVERYTHING & ~imm),
        answer="allow" if imm else "refuse",
    )


def letters(accesses: int) -> str:
    """r, w and m for their bits."""
    return "".join(letter for letter, bit in ACCESSES.items() if accesses & bit)
