"""A container's plan, made once more from its books: the same config.json and the same options make the same list."""

from __future__ import annotations

from ..errors import MinirunError, reason
from ..kernel import files
from ..plan.container import Options, planned
from ..spec.load import decode, parse
from ..steps.state import CONFIG
from .directory import damaged, trusted_owner
from .facts import KINDS, what_is_wrong

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..steps.step import Step
    from .books import Container


def options_of(container: Container) -> Options:
    """The options of the command line that made it. Raises StateError.

    They name the state directory as it was called then; where it lies now, the books have just been read.
    """
    options = container.facts["options"]
    kinds = Options.__annotations__
    wrong = what_is_wrong(options, {name: KINDS[kinds[name]] for name in options if name in kinds})
    if wrong:
        raise damaged(container.directory, f"state.json has a wrong option {wrong}")
    try:
        made = Options(**options)
    except TypeError as error:
        raise damaged(container.directory, f"its options: {error}") from None
    return made.replace(root=container.directory.rpartition("/")[0], id=container.facts["id"])


LARGEST = 1 << 30  # bytes of a config.json: it was read once already


def config_of(container: Container) -> bytes:
    """The config.json in the books. Raises StateError."""
    try:
        return files.read_regular(f"{container.directory}/{CONFIG}", LARGEST, trusted_owner())
    except OSError as error:
        raise damaged(container.directory, f"{CONFIG}: {reason(error)}") from None


def steps_of(container: Container) -> tuple[Step, ...]:
    """The steps, in order. Raises StateError."""
    options = options_of(container)
    try:
        return planned(parse(decode(config_of(container))), options)
    except MinirunError as error:
        raise damaged(container.directory, str(error)) from None
