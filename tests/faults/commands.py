"""The commands: what has to be there before each, and how it looks when it is done."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from . import bundle
from .bundle import END, STAY
from .process import Result, eventually, minirun, read
from .world import NAME, PLACE, ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

    from minirun.steps.step import Observer

ID = NAME


class Command(NamedTuple):
    words: tuple[str, ...]
    done: Callable[[Result], bool]  # whether it has done what its exit status 0 says
    setup: tuple[tuple[str, ...], ...] = ()  # the commands before it
    kind: str = "rich"  # of bundle.py
    script: str = STAY
    makes: bool = True  # it makes the container, so where it fails there is none; else the container stays as it was
    by_steps: bool = False  # it is killed before each of its steps even if there is little time
    observed: bool = False  # who looks on at this command has to be there in the setup: the process comes from there

    @property
    def leaves_alone(self) -> bool:
        """Whether the container goes on, whatever becomes of the command."""
        return self.words[0] in ("exec", "update", "pause", "resume")


def status() -> str:
    """What `state` says; "" where it says nothing."""
    result = minirun("state", ID)
    return str(json.loads(result.output)["status"]) if result.status == 0 else ""


def is_(wanted: str) -> Callable[[Result], bool]:
    return lambda _: eventually(lambda: status() == wanted)


def said(result: Result) -> bool:
    return result.output == "ran\n"


def said_later(_: Result) -> bool:
    """Of a program that goes on alone."""
    return eventually(lambda: any("ran\n" in read(file) for file in PLACE.glob("written/exec-output")))


def changed(_: Result) -> bool:
    return '"50"' in (ROOT / ID / "config.json").read_text()


def gone(_: Result) -> bool:
    return not (ROOT / ID).exists()


RUN = ("run", "--bundle", "{bundle}")
RUN_DETACHED = (*RUN, "--detach")
CREATE = ("create", "--bundle", "{bundle}", "--pid-file", f"{PLACE}/written/pid")
RUNNING = ((*RUN_DETACHED, ID),)
CREATED = ((*CREATE, ID),)

COMMANDS = {
    "run": Command((*RUN, ID), said, script=END, by_steps=True),
    "run (plain)": Command((*RUN, ID), said, kind="plain", script=END),
    "run (user)": Command((*RUN, ID), said, kind="user", script=END),
    "run -d": Command((*RUN_DETACHED, ID), is_("running")),
    "create": Command((*CREATE, ID), is_("created"), by_steps=True),
    "create (user)": Command((*CREATE, ID), is_("created"), kind="user"),
    "start": Command(("start", ID), is_("running"), CREATED, by_steps=True, observed=True),
    "exec": Command(("exec", ID, "sh", "-c", END), said, RUNNING, "plain", makes=False, by_steps=True),
    "exec (user)": Command(("exec", ID, "sh", "-c", END), said, RUNNING, "user", makes=False),
    "exec -d": Command(("exec", "--detach", ID, "sh", "-c", END), said_later, RUNNING, "plain", makes=False),
    "update": Command(("update", "--resources", f"{PLACE}/resources.json", ID), changed, RUNNING, "plain", makes=False),
    "pause": Command(("pause", ID), is_("paused"), RUNNING, "plain", makes=False),
    "resume": Command(("resume", ID), is_("running"), (*RUNNING, ("pause", ID)), "plain", makes=False),
    "kill": Command(("kill", ID, "KILL"), is_("stopped"), RUNNING, "plain", makes=False),
    "kill --all": Command(("kill", "--all", ID, "KILL"), is_("stopped"), RUNNING, "plain", makes=False),
    "delete": Command(("delete", ID), gone, (*RUNNING, ("kill", ID, "KILL")), makes=False),
    "delete --force": Command(("delete", "--force", ID), gone, RUNNING, makes=False),
}


def prepare(command: Command, observer: Observer | None = None) -> tuple[str, ...]:
    """Have what comes before it done; the words of the command itself."""
    place = bundle.write(command.kind, command.script)
    for words in command.setup:
        result = minirun(*filled(words, place), observer=observer if command.observed else None)
        assert result.status == 0, f"{' '.join(words)}: {result}"
        if words[0] == "kill":
            assert is_("stopped")(result)
    return filled(command.words, place)


def remove() -> None:
    minirun("delete", "--force", ID)


def filled(words: tuple[str, ...], place: str) -> tuple[str, ...]:
    return tuple(word.format(bundle=place) for word in words)
