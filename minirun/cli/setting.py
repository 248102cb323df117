"""`--set` and `--print-config`: a command with another config.json than the bundle's, for once."""

from __future__ import annotations

from .. import operations
from ..errors import ConfigError
from ..spec.changes import BY_SET, Changed, changed
from ..spec.lines import lines
from ..spec.load import content, decode, parse
from .output import say_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from ..runtime.foresight import Finding


def with_changes(values: Mapping[str, Any], bundle: str, file: str, act: Callable[[bytes], int]) -> int:
    """What `act` makes of the changed config.json, or a look at it. Raises MinirunError."""
    made = changed(content(bundle, file), values["set"])
    try:
        return show(made) if values.get("print_config") else act(made.text)
    except ConfigError as error:
        raise made.told(error) from None


def show(made: Changed) -> int:
    """What would not be run is not shown either. Raises ConfigError."""
    parse(decode(made.text))
    say_json(made.text.decode())
    return 0


def findings_of(bundle: str, changes: Sequence[str]) -> list[Finding]:
    """What `validate` finds then. Raises MinirunError."""
    from ..runtime.validate import first_of, repeats

    made = changed(content(bundle), changes)
    gone = [one for one in first_of(repeats(made.file)) if not made.concerns(one.pointer)]  # the changed one has none
    found = [*operations.validate(bundle, made.text), *gone]
    numbers = lines(made.file, [one.pointer for one in found if made.is_where_it_was(one.pointer)])
    return [
        one.replace(message=one.message + BY_SET)
        if made.concerns(one.pointer)
        else one.replace(line=numbers.get(one.pointer, 0))
        for one in found
    ]
