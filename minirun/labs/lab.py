"""What a lab is: goals, each decided by a look at the kernel's state; questions; hints; what the machine has to have.

A lab is a folder beside this file (docs/labs.md says how to write one). Its checks.py has one `LAB`.
"""

from __future__ import annotations

from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .desk import Desk
    from .needs import Need

DONE, NOT_YET, WRONG = "done", "not yet", "wrong"


class Finding(Record):
    """What a look has found of one goal."""

    status: str
    found: str = ""
    expected: str = ""
    hint: str = ""  # its name in the lab's hints; wrong states that students really reach have one


def done(found: str) -> Finding:
    return Finding(DONE, found)


def not_yet(expected: str, found: str = "") -> Finding:
    """Nothing wrong so far: the way to the goal has not been gone, or not to its end."""
    return Finding(NOT_YET, found, expected)


def wrong(hint: str, found: str, expected: str) -> Finding:
    return Finding(WRONG, found, expected, hint)


class Goal(Record):
    """One thing to reach, and how to see that it is reached."""

    name: str
    text: str  # what is to be so, in one sentence
    look: Callable[[Desk], Finding]
    points: int = 1
    tips: tuple[str, ...] = ()  # `lab hint` gives one after the other
    once: bool = False  # it need not last: what a check has seen done stays done
    after: tuple[str, ...] = ()  # goals before which there is nothing to look at
    question: bool = False  # `lab answer` takes an answer for it


class Lab(Record):
    """A lab. `make` is what `start` does beyond making the directory; `clear` what `reset` does beyond sweep.py."""

    title: str
    minutes: int
    goals: tuple[Goal, ...]
    hints: dict[str, str]
    needs: tuple[Need, ...] = ()
    make: Callable[[Desk], None] | None = None
    clear: Callable[[Desk], None] | None = None
    runtimes: bool = False  # whether `--runtime` means something to it
    rootless: bool = False  # whether a user without root can reach every goal

    def missing(self) -> str:
        """Why it can't be done on this machine, by this user, and what helps; "" where it can."""
        from .needs import ROOT

        needs = self.needs if self.rootless else (ROOT, *self.needs)
        return next((why for need in needs if (why := need.missing())), "")

    @property
    def points(self) -> int:
        return sum(goal.points for goal in self.goals)


def question(
    name: str,
    text: str,
    right: Callable[[Desk], Iterable[str]] | tuple[str, ...],
    *,
    wrongs: dict[str, tuple[str, ...]] | None = None,
    points: int = 1,
    tips: tuple[str, ...] = (),
    after: tuple[str, ...] = (),
) -> Goal:
    """A goal that is reached by `lab answer`. `right` has the answers that count, in lower case; `wrongs` those that
    deserve a hint: its name -> the answers."""

    def look(desk: Desk) -> Finding:
        given = desk.answers.get(name)
        if given is None:
            return not_yet(f"minirun lab answer {desk.number} {name} …")
        answer = " ".join(given.lower().replace(",", " ").split())
        accepted = tuple(right) if isinstance(right, tuple) else tuple(right(desk))
        if answer in accepted:
            return done(given)
        hint = next((hint for hint, answers in (wrongs or {}).items() if answer in answers), "")
        return wrong(hint, given, "another answer")

    return Goal(name, text, look, points, tips, after=after, question=True)
