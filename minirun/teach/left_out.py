"""`run --without`: whether this container can be run without these, and what to warn of.

plan/without.py has the plan. The sentences are those of `explain --without`, of a container that has the protection:
who leaves out what was never there would look for a difference in vain.
"""

from __future__ import annotations

from ..errors import CURE, StateError
from ..plan.container import plan, planned
from ..plan.without import SEPARATOR, names_of
from ..spec.load import content, decode, parse
from .protections import PROTECTIONS
from .throw_away import check_throw_away
from .without import for_plan, of_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..plan.options import Options
    from .protections import Protection

NAMES = {protection.name: protection for protection in PROTECTIONS}


def checked(words: Sequence[str], i_know: bool) -> str:
    """For `Options.without`. Raises StateError."""
    for word in words:
        if word not in NAMES:
            raise unknown(word)
    if not i_know:
        check_throw_away(f"--without {' and '.join(words)}", "or --i-know, if this one may")
    joined = SEPARATOR.join(dict.fromkeys(words))
    names_of(joined)
    return joined


def warnings(options: Options, text: bytes | None = None) -> Iterator[str]:
    """A line for each that is left out of this container. Raises MinirunError as a run would, and StateError for one
    that it does not have. `text` stands for config.json."""
    config = parse(decode(content(options.bundle, options.config) if text is None else text))
    steps, numbers = plan(config, options.replace(without="")), of_host()
    planned(config, options)  # or there is nothing to warn of
    for name in names_of(options.without):
        found = for_plan(NAMES[name], steps, numbers)
        if not found.has:
            raise missing(NAMES[name])
        yield f"without {name}: {found.sentence}"


def missing(protection: Protection) -> StateError:
    return StateError(
        f"there is nothing to leave out: this container does not have {protection.name} ({protection.title}){CURE}"
        f"it would take {protection.asked}; or run it as it is, which is without"
    )


def unknown(word: str) -> StateError:
    import difflib  # after a mistake there is time

    close = difflib.get_close_matches(word, NAMES, n=3)
    meant = f"; did you mean {' or '.join(close)}?" if close else ""
    return StateError(f"there is no protection {word!r}{meant}\n  names:  {', '.join(NAMES)}")
