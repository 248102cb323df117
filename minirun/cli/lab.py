"""`minirun lab`: what its actions do. The labs themselves are in minirun/labs."""

from __future__ import annotations

import os
import sys
from textwrap import wrap
from time import sleep

from ..errors import StateError, reason
from ..labs import attempt, check, marks
from ..labs.catalogue import Folder, folder, folders
from ..labs.desk import Desk
from .output import say, say_json, show
from .terminal import columns, painting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from ..labs.check import Result

    Values = Mapping[str, Any]

BETWEEN_LOOKS = 1.0  # seconds, of watch
CLEAR = "\x1b[H\x1b[2J"  # the cursor to the corner, and an empty screen (console_codes(4))


def lab(values: Values) -> int:
    """minirun lab. Raises MinirunError."""
    action = values["action"]
    if action not in ACTIONS:
        raise StateError(f"lab can't {action!r}\n  allowed: {', '.join(ACTIONS)}")
    return ACTIONS[action](values)


def of(values: Values) -> Folder:
    """The lab that is meant. Raises StateError."""
    if values["lab"] is None:
        raise StateError(f"which lab?\n  cure:  minirun lab {values['action']} 00; minirun lab list has them all")
    return folder(values["lab"])


def width() -> int:
    """What is read later, in a pipe or a file, is for a terminal as well."""
    return columns(sys.stdout) if sys.stdout.isatty() else check.WIDTH


# ---- before


def list_labs(values: Values) -> int:
    if values["json"]:
        say_json(marks.to_json(folders()))
    else:
        show(marks.table(folders(), painting(sys.stdout)))
    return 0


def show_page(values: Values) -> int:
    from ..labs.terminal_page import render
    from .explain import put

    page = of(values).page
    put(lambda width, paint: render(page, width, paint))
    return 0


def book(values: Values) -> int:
    from ..labs.book import book as written

    give(written([(one.number, one.lab.title, one.page) for one in folders()]), values)
    return 0


def give(text: str, values: Values) -> None:
    """To the file that --output names, else to standard output. Raises StateError."""
    from ..teach.whole_file import save

    if values["output"]:
        save(os.path.abspath(values["output"]), text)
    else:
        say(text)


def start(values: Values) -> int:
    chosen = of(values)
    desk, its = Desk(chosen.number), chosen.lab
    if desk.is_started:
        say(f"Lab {desk.number} is started already. To begin anew: minirun lab reset {desk.number}\n")
    else:
        attempt.begin(chosen, desk, values["runtime"])
    say(f"Lab {desk.number}. {its.title}\n\n  cd {desk.directory}\n\n")
    say(f"The page:  minirun lab show {desk.number}\nThe check: minirun lab check {desk.number}\n")
    return 0


# ---- meanwhile


def check_lab(values: Values) -> int:
    chosen = of(values)
    result = checked(chosen)
    if values["json"]:
        import json

        say_json(json.dumps(check.to_json(result), indent=2) + "\n")
    else:
        show(check.text(result, width(), painting(sys.stdout)))
    return result.exit_status


def checked(chosen: Folder) -> Result:
    result, desk = looked(chosen)
    marks.note(result, desk)
    return result


def looked(chosen: Folder) -> tuple[Result, Desk]:
    desk = Desk(chosen.number)
    desk.must_be_here()
    return check.check(chosen.lab, desk), desk


def watch(values: Values) -> int:
    """Until all is done, or Ctrl-C. What is as before is no further check."""
    chosen, before = of(values), ""
    while True:
        result, desk = looked(chosen)
        text = check.text(result, width(), painting(sys.stdout))
        if text != before:
            marks.note(result, desk)
            show((CLEAR if sys.stdout.isatty() else "") + text)
        if result.exit_status == check.ALL_DONE:
            return 0
        before = text
        sleep(BETWEEN_LOOKS)


def hint(values: Values) -> int:
    result, desk = looked(of(values))
    say("\n".join(wrap(check.hint(result, desk), width())) + "\n")
    marks.count("hints", desk)
    return 0


def answer(values: Values) -> int:
    chosen = of(values)
    desk = Desk(chosen.number)
    desk.must_be_here()
    asked = {goal.name: goal for goal in chosen.lab.goals if goal.question}
    name, *words = values["words"] or ("",)
    if name not in asked:
        raise StateError(f"lab {desk.number} asks no question {name!r}\n  allowed: {', '.join(asked)}")
    if not words:
        raise StateError(f"what is the answer?\n  cure:  minirun lab answer {desk.number} {name} …")
    desk.answers[name] = " ".join(words)
    desk.note()
    result = checked(chosen)
    show(check.text(result, width(), painting(sys.stdout), only=name))
    return result.only(name).exit_status


def solution(values: Values) -> int:
    chosen = of(values)
    desk = Desk(chosen.number)
    marks.note_solution(desk)
    say(chosen.solution)
    return 0


# ---- afterwards


def reset(values: Values) -> int:
    if values["all"] == (values["lab"] is not None):
        raise StateError(
            "reset what?\n  cure:  minirun lab reset 00, or minirun lab reset --all, which forgets marks, too"
        )
    if values["all"]:
        marks.forget()  # first: damaged ones keep nobody from a reset
    for chosen in folders() if values["all"] else (of(values),):
        desk = Desk(chosen.number, forgiving=True)
        if values["all"] and not desk.is_started:
            continue  # what has its name is somebody else's
        counts = desk.is_started and not values["all"]
        for removed in attempt.end(chosen, desk):
            say(f"lab {chosen.number}: removed {removed}\n")
        if counts:
            marks.count("resets", desk)
    if not os.path.isdir(os.environ.get("PWD") or "/"):
        say("Your shell stands in a directory that is gone: cd\n")
    return 0


def report(values: Values) -> int:
    """Writes the page to hand in, or with --verify looks whether one is as it was written."""
    from ..labs import checksum
    from ..labs import report as page

    if values["verify"]:
        why = checksum.why_not(text_of(values["verify"]), values["key"] or "")
        if why:
            raise StateError(f"{values['verify']}: {why}")
        say(f"{values['verify']} is as minirun has written it\n")
        return 0
    if not values["name"]:
        raise StateError("whose report?\n  cure:  minirun lab report --name 'Ada Lovelace'")
    written = page.report_json if values["json"] else page.report
    give(written(marks.work(folders()), values["name"], values["key"] or ""), values)
    return 0


def text_of(path: str) -> str:
    """Raises StateError."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError as error:
        raise StateError(f"can't read {path!r}: {reason(error)}") from None


ACTIONS: dict[str, Callable[[Values], int]] = {
    "list": list_labs,
    "show": show_page,
    "start": start,
    "check": check_lab,
    "watch": watch,
    "hint": hint,
    "answer": answer,
    "reset": reset,
    "solution": solution,
    "progress": list_labs,
    "report": report,
    "book": book,
}
