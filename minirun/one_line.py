"""A message for programs: one line of it, and its facts by name. For people at a terminal it stays as it is.

    can't mount proc on /proc: operation not permitted (EPERM)
      step:  9 of 60, from /mounts/0 in config.json
      call:  mount("proc", "/proc", "proc", 0, NULL)
      cure:  …

Engines show a message in a line of their own, look for words in it, and take the last line for the reason. So all is
one line. Where a log has names for values, it has the facts by their names, and the line says what was done and where.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

ADVICE = ("cure", "see")  # what is not about what has happened
CARET = "^"  # alone in its line it points at the one above


def one_line(message: str) -> str:
    """All of the message."""
    return "; ".join(f"{name}: {value}" if name else value for name, value in parts(message))


def summary(message: str) -> str:
    """What was done, and where."""
    return "; ".join(f"{name}: {value}" if name else value for name, value in parts(message) if name not in ADVICE)


def facts(message: str) -> dict[str, str]:
    """By their names; of several messages in one, those of the first that has them."""
    told = {name: value for name, value in reversed(list(parts(message))) if name}
    found = {"errno": errno_of(message), "where": where(message, told.get("step", ""))}
    return {name: value for name, value in (*sorted(told.items()), *found.items()) if value}


def parts(message: str) -> Iterator[tuple[str, str]]:
    """The message's lines, each with the name of the fact that it is, or with none."""
    for line in message.split("\n"):
        name, colon, value = line.strip().partition(":")
        if line.startswith("  ") and colon and name.isalpha():
            yield name, value.strip()
        elif line.strip() not in ("", CARET):
            yield "", line.strip()


def errno_of(message: str) -> str:
    """ "EPERM", as `errors.reason` writes it; "" where none is told."""
    words = (word.strip("();,:") for word in message.partition("\n")[0].split() if word.startswith("(E"))
    return next((word for word in words if word.isalnum() and word.isupper()), "")


def where(message: str, step: str) -> str:
    """The place in config.json as a JSON pointer, or what else the message is about."""
    if message.startswith("config.json: "):
        return without_line(message.split(": ")[1])
    return step.partition(", from ")[2].removesuffix(" in config.json")


def without_line(place: str) -> str:
    """ "/mounts/1 (line 12)" -> "/mounts/1" """
    pointer, behind, number = place.rpartition(" (line ")
    return pointer if behind and number[:-1].isdigit() else place
