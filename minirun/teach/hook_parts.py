"""What a hook does that is minirun's own: the operations of `minirun network attach`, told below the step that runs it.
Of everybody else's hooks, nothing is known."""

from __future__ import annotations

from itertools import pairwise

from ..errors import MinirunError
from ..record import Record
from ..steps.step import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..network.operation import Operation

OURS = ("network", "attach")


class Part(Record):
    """An operation, told."""

    sentence: str
    shell: str
    manual: str

    @property
    def first_line(self) -> str:
        """Of the command; where a text follows, … stands for it."""
        first, _, more = self.shell.partition("\n")
        return f"{first} …" if more else first


def parts_of(step: Step) -> tuple[Part, ...]:
    """The operations that the step's hook would do now or, once it has run, that it has done."""
    program = getattr(step, "program", None)
    args: tuple[str, ...] = getattr(program, "args", ())
    if args[1:3] != OURS or len(args) < 4:
        return ()
    try:
        return tuple(Part(one.describe(), one.shell(), one.man) for one in operations(step, args))
    except ImportError:  # a minirun without the room
        return ()
    except MinirunError as error:
        return (Part(str(error).partition("\n")[0], "", ""),)


def operations(step: Step, args: Sequence[str]) -> tuple[Operation, ...]:
    from ..network.commands import foreseen, hostname_of
    from ..network.networks import directory_of
    from ..network.ports import read_port

    state = step.state  # type: ignore[attr-defined]  # it is a RunHook
    ports = tuple(read_port(word) for word in following(args, "--publish"))
    directory = directory_of(next(iter(following(args, "--networks")), None))
    return foreseen(directory, args[3], state.id, hostname_of(state.bundle), ports)


def following(args: Sequence[str], option: str) -> list[str]:
    return [value for word, value in pairwise(args) if word == option]
