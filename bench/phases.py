"""One run, cut into phases where strace(1) saw certain system calls; and how that is drawn."""

from __future__ import annotations

import re
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

CALLS = "execve,execveat,openat,open_tree,prctl,clone,clone3,fork,vfork,exit_group"


class Phase(NamedTuple):
    name: str
    until: str  # a pattern of the line that ends it
    last: bool = False  # its last line, not the first
    is_early: bool = False  # only before config.json is read; a minirun without it has no such phase


CONFIG = re.compile(r'openat\(.*/config\.json"')
START = r"execve(at)?\("
MAIN = r"openat\(.*/minirun/__main__\.py"

PHASES = (
    Phase("launcher: sh, then env", r"execve\(.*python", is_early=True),
    Phase("the interpreter starts", MAIN, is_early=True),
    Phase("imports up to the seal", r"open_tree\(", is_early=True),
    Phase("the seal", rf"{START}|prctl\(PR_SET_MM", last=True, is_early=True),
    Phase("the interpreter starts again", MAIN, is_early=True),
    Phase("imports", CONFIG.pattern),
    Phase("config.json, plan, first steps", r"\b(clone3?|v?fork)\("),
    Phase("steps of both processes, in turn", rf"{START}|execve(at)? resumed", last=True),
    Phase("the program: /bin/true", r"\+\+\+ exited with"),
    Phase("steps are taken back, end", r"\+\+\+ exited with", last=True),
)


class Line(NamedTuple):
    when: float  # milliseconds
    text: str


class Part(NamedTuple):
    """A phase of one run: how long it took, and how often strace stopped it."""

    name: str
    length: float
    stops: int


def lines_of(trace: str) -> list[Line]:
    """Of strace -f -ttt: the process, the time, the call."""
    fields = (line.split(maxsplit=2) for line in trace.splitlines())
    return [Line(1e3 * float(when), text) for _, when, text in fields]


def parts_of(lines: list[Line]) -> Iterator[Part]:
    config = next(number for number, line in enumerate(lines) if CONFIG.search(line.text))
    begin = 0
    for phase in PHASES:
        end = end_of(phase, lines, begin, config)
        if end is not None:
            yield Part(phase.name, lines[end].when - lines[begin].when, end - begin)
            begin = end


def end_of(phase: Phase, lines: list[Line], begin: int, config: int) -> int | None:
    stop = config if phase.is_early else len(lines)
    found = [number for number in range(begin + 1, stop) if re.search(phase.until, lines[number].text)]
    return (found[-1] if phase.last else found[0]) if found else None


# ---- without what strace took


def medians(runs: list[list[Part]]) -> list[Part]:
    return [Part(one[0].name, median(part.length for part in one), one[0].stops) for one in zip(*runs)]


def price_of_a_stop(parts: list[Part], untraced: float) -> float:
    """What is more than a run without strace takes, shared out evenly."""
    return max(sum(part.length for part in parts) - untraced, 0.0) / sum(part.stops for part in parts)


def corrected(parts: list[Part], price: float) -> list[tuple[str, float]]:
    return [(part.name, max(part.length - part.stops * price, 0.0)) for part in parts]


# ---- the picture

WIDTH = 60


def drawn(phases: list[tuple[str, float]]) -> Iterator[str]:
    """Each bar begins where the one before ends."""
    whole = sum(length for _, length in phases)
    names = max(len(name) for name, _ in phases)
    begin = 0.0
    for name, length in phases:
        bar = " " * round(begin / whole * WIDTH) + ("█" * round(length / whole * WIDTH) or "▏")
        yield f"{name:{names}}  {length:6.1f} ms  {bar}"
        begin += length
    yield f"{'from the command to its end':{names}}  {whole:6.1f} ms"
