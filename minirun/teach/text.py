"""An explanation for a terminal: the whole plan with a command for each step, or everything about some steps."""

from __future__ import annotations

from textwrap import wrap

from ..safe import safe
from .chapters import CHAPTERS
from .panels import changes_told

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .explanation import Explanation, Told

    Paint = Callable[[str, str], str]  # takes what a text is, such as "heading", and the text

WHO = {"runtime": "the runtime", "container": "the container's process"}
COLUMN = 5  # for the numbers
INDENT = " " * (COLUMN + 2)
CALLS_SHOWN = 8  # of a step, where it makes many alike
UNITS = ((10**9, "s"), (10**6, "ms"))  # nanoseconds; what is shorter is in microseconds

HEAD = """
What minirun does with {bundle}: {count} steps, in this order. Two processes share them, since some things can only be
done from outside of the container, and others only from inside. The runtime stays on the host's side, and takes back in
the end what it has made there. The container's process, which it starts in step {fork}, becomes the program{again}.

Under each step is a command that does the same by hand, as root. $pid is the container's process. “exec … "$SHELL"”
goes on in a new shell; “…” by itself stands for what is left out.{root} All there is to know of a step, its system
calls too: --step {example}. The commands as one script: --script.
"""

AGAIN = "; in step {} it has a child that goes on in its place, the first process of a new namespace"
ROOT = " After step {} a shell finds the commands of the image only, so that a script needs another order."


def plain(_kind: str, text: str) -> str:
    return text


def shown(nanoseconds: int) -> str:
    for size, unit in UNITS:
        if nanoseconds >= size:
            return f"{nanoseconds / size:.1f} {unit}"
    return f"{nanoseconds // 1000} µs"


# ---- the whole


def summary(explanation: Explanation, width: int = 100, paint: Paint = plain) -> str:
    """The plan, a few screens long."""
    lines = list(head(explanation, width))
    seen: set[str] = set()
    for section in explanation.sections():
        lines += ["", *heading(section[0], width, paint, with_text=section[0].chapter not in seen)]
        seen.add(section[0].chapter)
        for entry in entries(section):
            lines += brief(entry, width, paint)
    return "\n".join([*lines, *notes(explanation, width, paint), ""])


def head(explanation: Explanation, width: int) -> Iterator[str]:
    steps = explanation.steps
    first = {told.manual: told.number for told in reversed(steps)}
    last = {told.manual: told.number for told in steps}
    again, root = last.get("pid_namespaces(7)"), last.get("pivot_root(2)")
    told = HEAD.format(
        bundle=safe(explanation.bundle),
        count=len(steps),
        fork=first.get("clone(2)", 1),
        again=AGAIN.format(again) if again else "",
        root=ROOT.format(root) if root else "",
        example=first.get("mount(2)", 1),
    )
    for number, paragraph in enumerate(told.strip().split("\n\n")):
        yield from ([""] if number else [])
        yield from wrap(paragraph, width)


def heading(first: Told, width: int, paint: Paint, *, with_text: bool) -> Iterator[str]:
    yield paint("heading", title(first.chapter, first.process))
    if with_text:
        chapter = CHAPTERS[first.chapter]
        for line in wrap(f"{chapter.about} {chapter.manual}", width - 2):
            yield paint("about", f"  {line}")


def title(chapter: str, process: str) -> str:
    return f"{chapter.upper()}: {WHO[process]}"


def notes(explanation: Explanation, width: int, paint: Paint) -> Iterator[str]:
    for note in explanation.notes:
        yield ""
        yield from (paint("note", line) for line in wrap(safe(f"note: {note}"), width, subsequent_indent="  "))


# ---- steps that differ in one word only are told together


def entries(section: Sequence[Told]) -> Iterator[tuple[Told, ...]]:
    group: list[Told] = []
    for told in section:
        if group and not alike([*group, told]):
            yield tuple(group)
            group = []
        group.append(told)
    yield tuple(group)


def alike(group: Sequence[Told]) -> bool:
    same_source = len({(told.manual, told.clause) for told in group}) == 1
    return same_source and len(differing(group)) == 1


def differing(group: Sequence[Told]) -> list[int]:
    """The places in the sentences at which not all have the same word; none where the lengths differ."""
    sentences = [told.sentence.split(" ") for told in group]
    if len({len(words) for words in sentences}) > 1:
        return []
    return [place for place, words in enumerate(zip(*sentences)) if len(set(words)) > 1]


def joined(group: Sequence[Told]) -> str:
    """ "hide /proc/acpi, /proc/keys" for "hide /proc/acpi" and "hide /proc/keys"."""
    if len(group) == 1:
        return group[0].sentence
    (place,) = differing(group)
    words = group[0].sentence.split(" ")
    every = ", ".join(told.sentence.split(" ")[place] for told in group)
    return " ".join([*words[:place], every, *words[place + 1 :]])


def brief(group: Sequence[Told], width: int, paint: Paint) -> Iterator[str]:
    """A sentence, where it comes from, and the command."""
    first, last = group[0], group[-1]
    number = str(first.number) if first is last else f"{first.number}-{last.number}"
    pointer = first.pointer if first is last else first.pointer.rpartition("/")[0]
    room = width - len(INDENT)
    lines = in_lines(joined(group), room)
    lines, source = beside(lines, f"{safe(pointer)}  {first.manual}".strip(), room)
    yield f"{paint('number', f'{number:>{COLUMN}}')}  {lines[0]}" + (paint("source", source) if len(lines) == 1 else "")
    for place, line in enumerate(lines[1:], start=2):
        yield f"{INDENT}{line}" + (paint("source", source) if place == len(lines) else "")
    yield from command(first, room, paint)
    yield from brief_parts(first, room, paint)
    if first is not last:
        yield paint("about", f"{INDENT}… and so on for the others")


def in_lines(text: str, width: int) -> list[str]:
    return wrap(safe(text), width, break_on_hyphens=False, break_long_words=False)


def beside(lines: list[str], source: str, width: int) -> tuple[list[str], str]:
    """The source is at the right end of the last line, or of one more line; it comes apart, to be painted."""
    if len(lines[-1]) + len(source) + 2 > width:
        lines = [*lines, ""]
    return lines, " " * (width - len(lines[-1]) - len(source)) + source


def command(told: Told, width: int, paint: Paint) -> Iterator[str]:
    if told.shell:
        for number, line in enumerate(folded(safe(told.shell), width - 2)):
            yield paint("shell", f"{INDENT}{'  ' if number else '$ '}{line}")
    else:
        yield from (paint("about", INDENT + line) for line in in_lines(f"(no command: {told.no_shell})", width))


# ---- a command on several lines that a shell takes for one


ENDS = ("&&", "||", "|", ";")  # after these a shell expects more; no word of config.json ends so (steps/shell.py)


def folded(line: str, width: int) -> list[str]:
    """Broken between commands, where that will do, and else between words."""
    lines = [""]
    for part in parts_of(line):
        whole = " ".join(part)
        if lines[-1].strip() and len(lines[-1]) + len(whole) >= width:
            lines.append(" ")
        for word in [whole] if len(lines[-1]) + len(whole) < width else part:
            if lines[-1].strip() and len(lines[-1]) + len(word) + 3 > width:
                lines.append(" ")
            lines[-1] += f" {word}" if lines[-1] else word
    return [*(begun if begun.endswith(ENDS) else f"{begun} \\" for begun in lines[:-1]), lines[-1]]


def parts_of(line: str) -> list[list[str]]:
    """The words of each simple command."""
    parts: list[list[str]] = [[]]
    for word in words_of(line):
        parts[-1].append(word)
        if word.endswith(ENDS):
            parts.append([])
    return [part for part in parts if part]


def words_of(line: str) -> list[str]:
    """The words of a command; blanks between quotes, or in $(…), do not end one."""
    words, open_quote, depth, is_escaped = [""], "", 0, False
    for letter in line:
        if letter == " " and not (open_quote or depth or is_escaped):
            words.append("")
            continue
        if letter in "'\"" and open_quote in ("", letter) and not is_escaped:
            open_quote = "" if open_quote else letter
        if not open_quote:
            depth += {"(": 1, ")": -1}.get(letter, 0)
        is_escaped = letter == "\\" and open_quote != "'" and not is_escaped
        words[-1] += letter
    return words


# ---- everything about a step


def details(steps: Sequence[Told], width: int = 100, paint: Paint = plain) -> str:
    """All that is known of these steps."""
    return "\n".join(line for told in steps for line in (*one_step(told, width, paint), ""))


def one_step(told: Told, width: int, paint: Paint) -> Iterator[str]:
    lines = in_lines(told.sentence, width - len(INDENT))
    yield f"{paint('number', f'{told.number:>{COLUMN}}')}  {paint('heading', lines[0])}"
    yield from (f"{INDENT}{line}" for line in lines[1:])
    for name, rows, kind in rows_of(told, width - len(INDENT) - LABEL):
        for number, row in enumerate(rows):
            yield f"{INDENT}{'' if number else name:<{LABEL}}{paint(kind, row)}"


LABEL = 9


def brief_parts(told: Told, room: int, paint: Paint) -> Iterator[str]:
    """What a hook of minirun's own does, below its step."""
    for part in told.parts:
        for number, line in enumerate(in_lines(part.sentence, room - 4)):
            yield f"{INDENT}  {' ' if number else '-'} {line}"
        if part.shell:
            yield paint("shell", f"{INDENT}    {safe(part.first_line)}")


def whole_parts(told: Told) -> Iterator[str]:
    for part in told.parts:
        yield safe(part.sentence) + (f"  {part.manual}" if part.manual else "")
        yield from (f"  {safe(line)}" for line in part.shell.splitlines())


def rows_of(told: Told, width: int) -> Iterator[tuple[str, list[str], str]]:
    """What a step has, each with its name, its lines and what they are."""
    yield "process", [f"{WHO[told.process]}; chapter {told.chapter}"], "about"
    yield "why", wrap(safe(told.reason), width), "about"
    calls = [safe(call) for call in told.calls] or [f"none: {told.no_calls}"]
    more = [f"… and {len(calls) - CALLS_SHOWN + 1} more of the kind"] if len(calls) > CALLS_SHOWN else []
    changes = changes_told(told.changes) or ["nothing that the picture of the container has"]
    yield "changes", [line for one in changes for line in wrap(safe(one), width, subsequent_indent="  ")], "about"
    yield "calls", [*(calls[: CALLS_SHOWN - 1] if more else calls), *more], "call"
    yield "shell", folded(safe(told.shell), width) if told.shell else wrap(f"none: {told.no_shell}", width), "shell"
    yield "within", list(whole_parts(told)), "shell"
    yield "program", told.listing.splitlines(), "call"
    yield "config", [safe(told.pointer) or "nothing asks for it: minirun does it in any case"], "source"
    yield "spec", [told.clause or "says nothing about it"], "source"
    yield "manual", [told.manual], "source"
