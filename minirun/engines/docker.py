"""Docker: daemon.json, which others write to as well (dockerd(8); its keys `runtimes` and `default-runtime`)."""

from __future__ import annotations

import json

from ..errors import StateError
from . import json_text
from .engine import NAME, Engine, Wish

RUNTIMES, DEFAULT = "runtimes", "default-runtime"


def file(wish: Wish) -> str:
    return f"{wish.root}{wish.home or '/etc'}/docker/daemon.json"


def lines(_text: str, wish: Wish) -> str:
    return document(wish.launcher, wish.default)


def document(launcher: str, default: bool) -> str:
    """A daemon.json of its own."""
    return json.dumps({RUNTIMES: {NAME: entry(launcher)}} | ({DEFAULT: NAME} if default else {}), indent=4) + "\n"


def entry(launcher: str) -> dict[str, str]:
    return {"path": launcher}


def put_in(text: str | None, wish: Wish) -> str:
    if text is None:
        return document(wish.launcher, wish.default)
    text = with_runtime(text, runtimes(text), entry(wish.launcher))
    return with_default(text) if wish.default else text


def with_runtime(text: str, found: dict[str, object] | None, wanted: dict[str, str]) -> str:
    root = json_text.first_brace(text)
    if found is None:
        return json_text.added(text, root, RUNTIMES, {NAME: wanted})
    if NAME not in found:
        return json_text.added(text, place_of_runtimes(text), NAME, wanted)
    if found[NAME] != wanted:
        raise StateError(
            f"there is a runtime {NAME} in it already, another one: {json.dumps(found[NAME])}\n"
            "  cure:  minirun setup docker --undo first; or change it by hand"
        )
    return text


def with_default(text: str) -> str:
    now = parsed(text).get(DEFAULT)
    if now not in (None, NAME):
        raise StateError(
            f"the default runtime is {now!r} already, and what others have put there stays\n"
            f'  cure:  change "{DEFAULT}" by hand; or leave out --default, and name the runtime: '
            f"docker run --runtime {NAME}"
        )
    return text if now else json_text.added(text, json_text.first_brace(text), DEFAULT, NAME)


def take_out(text: str) -> str | None:
    launcher = launcher_in(text)
    if launcher and text in (document(launcher, default=False), document(launcher, default=True)):
        return None
    return without_runtime(without_default(text), launcher)


def without_default(text: str) -> str:
    root = json_text.first_brace(text)
    found = json_text.member(text, root, DEFAULT)
    return json_text.removed(text, root, found) if found and found.value == NAME else text


def without_runtime(text: str, launcher: str) -> str:
    if not launcher:
        return text
    root = json_text.first_brace(text)
    outer = json_text.member(text, root, RUNTIMES)
    assert outer
    as_added = json_text.written(RUNTIMES, {NAME: entry(launcher)}, json_text.white_before(text, outer))
    if text[outer.start : outer.end] == as_added:
        return json_text.removed(text, root, outer)
    inner = json_text.member(text, outer.value_start, NAME)
    assert inner
    return json_text.removed(text, outer.value_start, inner)


def launcher_in(text: str) -> str:
    """The path in the entry that minirun has written; "" where there is none. Raises StateError where somebody has
    added to it."""
    found = (runtimes(text) or {}).get(NAME)
    if found is None:
        return ""
    if not isinstance(found, dict) or found.keys() != {"path"} or not isinstance(found["path"], str):
        raise StateError(
            f"somebody has changed what minirun had put there: {json.dumps(found)}\n"
            f'  cure:  take out "{NAME}" by hand, if it is not wanted any more'
        )
    return found["path"]


def runtimes(text: str) -> dict[str, object] | None:
    """Raises StateError."""
    found = parsed(text).get(RUNTIMES)
    if found is not None and not isinstance(found, dict):
        raise StateError(f'"{RUNTIMES}" is no object in it, so Docker can\'t read it either')
    return found


def place_of_runtimes(text: str) -> int:
    found = json_text.member(text, json_text.first_brace(text), RUNTIMES)
    assert found
    return found.value_start


def parsed(text: str) -> dict[str, object]:
    """Raises StateError: nobody's file is written over because of a comma."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise StateError(f"it is no JSON, so Docker can't read it either: {error}\n  cure:  mend it first") from None
    if not isinstance(found, dict):
        raise StateError("it is no JSON object, so Docker can't read it either\n  cure:  mend it first")
    return found


def afterwards(wish: Wish) -> str:
    reload = "systemctl --user reload docker" if wish.home else "sudo systemctl reload docker"
    sudo = "" if wish.home else "sudo "
    runtime = "" if wish.default else f" --runtime {NAME}"
    return f"  {reload}\n  {sudo}docker run{runtime} --rm IMAGE\n"


DOCKER = Engine(file, lines, put_in, take_out, afterwards)
