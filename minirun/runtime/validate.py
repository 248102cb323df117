"""`minirun validate`: everything that is wrong with a bundle, at once. Nothing runs, and nobody has to be root.

    config.json  ──► spec/gather.py ──► plan ──► foresight.py
                     every error        its own     what the host and the bundle lack

A `run` of the same bundle stops at the first of these errors, or at what only the kernel can know.
"""

from __future__ import annotations

import json
import os

from ..errors import ConfigError, in_line
from ..plan.container import NO_PROCESS, plan
from ..plan.mounts import mount_steps
from ..plan.options import Options
from ..record import Record
from ..spec.config import Mount
from ..spec.gather import MOST_ERRORS, gather
from ..spec.lines import lines
from ..spec.load import content, decode, read_mount
from ..spec.load_linux import MOST_MOUNTS
from ..spec.reader import Node, shown
from ..spec.repeats import repeated_names
from ..spec.unread import unread
from .foresight import ERROR, WARNING, Finding, look_ahead
from .lenience import taken_all_the_same
from .near_misses import near_misses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..spec.config import Config, Linux
    from ..spec.gather import Notes
    from ..steps.step import Step

# What stands for a mount that can't be planned, so that the others keep their numbers, and for a missing process.
NO_MOUNT = Mount("/", "tmpfs")


def validate(bundle: str, text: bytes | None = None) -> list[Finding]:
    """What is wrong with the bundle, errors first. Raises MinirunError if it has no config.json to read.

    `text` stands for what is in that. Only what is in the file itself has lines for a reader to look up.
    """
    if text is not None:
        return findings(bundle, text)
    data = content(bundle)
    return numbered(findings(bundle, data), data)


def findings(bundle: str, data: bytes) -> list[Finding]:
    """The same, by their places alone."""
    try:
        value = decode(data)
    except ConfigError as error:  # no JSON, so there is nothing else to say
        return [Finding.of_error(error)]
    config, notes = gather(value)
    steps = gather_plan(value, config, Options(id="validate", bundle=os.path.abspath(bundle)), notes)
    seen = [finding for finding in look_ahead(config, steps) if notes.is_good(finding.pointer)]
    warnings = [
        *first_of(repeats(data)),
        *first_of(without_effect(notes)),
        *first_of(nearly_known(value)),
        *first_of(relative_destinations(value)),
        *first_of(taken_all_the_same(value)),
        *first_of(iter(seen)),
    ]
    errors = [Finding.of_error(error) for error in notes.errors]
    if notes.is_full:
        errors.append(
            Finding(ERROR, "", f"more is wrong than these {MOST_ERRORS}", "fewer mistakes, for a look at all")
        )
    return sorted([*errors, *warnings], key=lambda finding: finding.level != ERROR)


def first_of(findings: Iterator[Finding]) -> Iterator[Finding]:
    """As many as somebody may read."""
    return (finding for finding, _number in zip(findings, range(MOST_ERRORS)))


def numbered(found: list[Finding], data: bytes) -> list[Finding]:
    """With the lines where they stand in the text."""
    numbers = lines(data, [one.pointer for one in found])
    return [one.replace(line=numbers.get(one.pointer, 0)) for one in found]


# ---- errors of the plan


def gather_plan(value: object, config: Config, options: Options, notes: Notes) -> tuple[Step, ...]:
    """The plan without what is wrong in it. Its first error is a run's, too, so that one is noted before the others."""
    nodes = mount_nodes(value)
    whole = config.replace(mounts=tuple(readable(node) for node in nodes))
    steps = plan_or_note(whole, options, notes)
    if steps:
        return steps
    linux, bundle = config.linux, options.bundle
    mounts = tuple(plannable(one, node.pointer, bundle, linux, notes) for one, node in zip(whole.mounts, nodes))
    return plan_or_note(whole.replace(mounts=mounts, process=config.process or NO_PROCESS), options, notes)


def plan_or_note(config: Config, options: Options, notes: Notes) -> tuple[Step, ...]:
    try:
        return plan(config, options)
    except ConfigError as error:
        notes.add_of_several(error)
        return ()


def mount_nodes(value: object) -> list[Node]:
    mounts = value.get("mounts") if isinstance(value, dict) else None
    few = isinstance(mounts, list) and len(mounts) <= MOST_MOUNTS
    return list(Node(mounts, "/mounts").elements()) if few else []


def readable(node: Node) -> Mount:
    """The mount at the node. What there is to say against it has been noted when the whole was read."""
    try:
        return read_mount(node)
    except ConfigError:
        return NO_MOUNT


def plannable(mount: Mount, place: str, bundle: str, linux: Linux, notes: Notes) -> Mount:
    try:
        mount_steps(mount, place, bundle, linux)
    except ConfigError as error:
        notes.add_of_several(error)
        return NO_MOUNT
    return mount


# ---- warnings


def repeats(data: bytes) -> Iterator[Finding]:
    for pointer in repeated_names(data):
        yield Finding(WARNING, pointer, "stands there more than once, and the last one counts", "each name once")


def without_effect(notes: Notes) -> Iterator[Finding]:
    """config.md#extensibility: a run ignores what it does not know, such as a name that is spelt wrong."""
    for pointer, close in unread(notes):
        cure = f"{shown(close)}, if that is meant" if close else "what the spec has for this place"
        yield Finding(WARNING, pointer, "has no effect here", cure)


def nearly_known(value: object) -> Iterator[Finding]:
    for one in near_misses(value):
        yield Finding(WARNING, one.pointer, one.message, one.cure)


def relative_destinations(value: object) -> Iterator[Finding]:
    """config.md#mounts: it SHOULD be absolute, and else is taken relative to "/"."""
    for node in mount_nodes(value):
        path = node.value.get("destination") if isinstance(node.value, dict) else None
        if isinstance(path, str) and path and not path.startswith("/"):
            yield Finding(WARNING, f"{node.pointer}/destination", f"{shown(path)} is relative", f"{shown('/' + path)}")


# ---- for readers


class Report(Record):
    """The findings, as they are printed."""

    findings: list[Finding]

    @property
    def exit_status(self) -> int:
        return 1 if self.count(ERROR) else 0

    def count(self, level: str) -> int:
        return sum(finding.level == level for finding in self.findings)

    def json(self) -> str:
        return json.dumps([one.to_json() for one in self.findings], indent=2) + "\n"

    def text(self) -> str:
        parts = [paragraph(finding) for finding in self.findings]
        counts = [f"{self.count(level) or 'no'} {level}{'' if self.count(level) == 1 else 's'}" for level in LEVELS]
        return "".join([*parts, ", ".join(counts), "\n"])


LEVELS = (ERROR, WARNING)


def paragraph(finding: Finding) -> str:
    label = "allowed:" if finding.level == ERROR else "cure:"
    return (
        f"{finding.level}: {finding.pointer or 'the top level'}{in_line(finding.line)}: {finding.message}\n"
        f"{finding.excerpt}"
        f"  {label:8} {finding.cure}\n"
        f"  {'see:':8} {finding.clause}\n"
    )
