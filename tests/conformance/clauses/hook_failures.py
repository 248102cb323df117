"""runtime.md#lifecycle, steps 3 to 5, 7, 9 and 13: all hooks run, and what follows when one fails."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from ..hooks import KINDS, OF_CREATE, OF_START, Hooks, for_each
from ..life import must, must_fail, settled
from ..suite import clause, expect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..container import Container
    from ..life import Life
    from ..runtime import Result

LIFECYCLE = "runtime.md#lifecycle"
FATAL = (*OF_CREATE, *OF_START)
FAILURE = (
    "If any `KIND` hook fails, the runtime MUST generate an error, stop the container, and continue the lifecycle at "
    "step 12."
)


@for_each(KINDS, "The `KIND` hooks MUST be invoked by the runtime.", LIFECYCLE)
def hooks_are_invoked(container: Container, kind: str) -> None:
    hooks = Hooks(container)
    hooks.add(kind)
    with container.life("sleep") as life:
        life.go_through()
    expect("the hooks that ran", hooks.log, [kind])


# ---- step 12 is the destruction, step 13 poststop


@contextlib.contextmanager
def failed(container: Container, kind: str, line: str = "exit 3") -> Iterator[tuple[Life, Result, list[str]]]:
    """A container with a failing hook, and one of every kind after it. With what the failing operation told, and the
    hooks that ran from then on."""
    hooks = Hooks(container)
    for each in KINDS:
        hooks.add(each, line if each == kind else "")
    hooks.add(kind)
    with container.life("sleep") as life:
        result = life.create()
        if kind in OF_START:
            must("create", result)
            result = life.start()
        before = KINDS[: KINDS.index(kind)]
        yield life, result, [name for name in hooks.log if name not in before]


@for_each(FATAL, FAILURE, LIFECYCLE)
def a_failed_hook_is_an_error(container: Container, kind: str) -> None:
    with failed(container, kind) as (_life, result, _others):
        must_fail("start" if kind in OF_START else "create", result)


@for_each(FATAL, FAILURE, LIFECYCLE)
def a_failed_hook_stops_the_container(container: Container, kind: str) -> None:
    with failed(container, kind) as (life, _result, _others):
        expect("processes that are alive", settled(life.processes), [])


@for_each(FATAL, FAILURE, LIFECYCLE)
def a_failed_hook_leads_to_the_destruction(container: Container, kind: str) -> None:
    with failed(container, kind) as (life, _result, _others):
        expect("on the host afterwards", settled(container.left_behind), [])
        expect("the container exists", life.exists, False)


@for_each(FATAL, FAILURE, LIFECYCLE)
def a_failed_hook_leads_to_poststop(container: Container, kind: str) -> None:
    """And to no other hooks."""
    with failed(container, kind) as (_life, _result, others):
        expect("the hooks that ran afterwards", others, ["poststop"])


@for_each(("startContainer",), FAILURE, LIFECYCLE)
def a_failed_hook_keeps_the_program_from_running(container: Container, kind: str) -> None:
    with failed(container, kind) as (life, _result, _others):
        settled(life.processes)
        expect("what the program wrote", life.output(), "")


WAYS = {"a status": "exit 3", "a signal": "kill -KILL $$", "the timeout": "exec sleep 20"}


@clause(LIFECYCLE, FAILURE.replace("KIND", "createRuntime"), each=WAYS)
def a_hook_fails_by(container: Container, way: str) -> None:
    Hooks(container).add("createRuntime", WAYS[way], timeout=1)
    with container.life() as life:
        must_fail("create", life.create())


@clause(LIFECYCLE, FAILURE.replace("KIND", "createRuntime"), each=("missing", "not executable", "a directory"))
def a_hook_whose_program_is(container: Container, what: str) -> None:
    programs = container.host_directory("programs")
    (programs / "not executable").write_text("#!/bin/sh\n")
    (programs / "a directory").mkdir()
    container.config["hooks"] = {"createRuntime": [{"path": str(programs / what)}]}
    with container.life() as life:
        must_fail("create", life.create())


# ---- poststop

WARNING = (
    "If any `poststop` hook fails, the runtime MUST log a warning, but the remaining hooks and lifecycle continue as "
    "if the hook had succeeded."
)


@contextlib.contextmanager
def failed_poststop(container: Container, hooks: Hooks) -> Iterator[tuple[Life, Result]]:
    """How a warning is told is the runtime's affair (runtime.md#warnings), so that nobody looks for it here."""
    hooks.add("poststop", "exit 3")
    hooks.add("poststop", hooks.note("the second"))
    hooks.add("poststop", hooks.note("the third"))
    with container.stopped() as life:
        yield life, life.delete()


@clause(LIFECYCLE, WARNING)
def a_failed_poststop_hook_is_no_error(container: Container) -> None:
    with failed_poststop(container, Hooks(container)) as (_life, result):
        must("delete", result)


@clause(LIFECYCLE, WARNING)
def the_hooks_after_a_failed_poststop_hook_run(container: Container) -> None:
    hooks = Hooks(container)
    with failed_poststop(container, hooks):
        expect("the hooks that ran", hooks.log, ["the second", "the third"])


@clause(LIFECYCLE, WARNING)
def the_container_is_gone_after_a_failed_poststop_hook(container: Container) -> None:
    with failed_poststop(container, Hooks(container)) as (life, _result):
        expect("on the host afterwards", settled(container.left_behind), [])
        expect("the container exists", life.exists, False)
