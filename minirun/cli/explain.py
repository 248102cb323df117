"""What `explain` prints: for people at a terminal with colours and a pager, for everybody else as plain text."""

from __future__ import annotations

import os
import shutil
import sys

from .. import operations
from ..errors import StateError
from ..operations import ID_CHARACTERS
from ..safe import safe
from ..spec.load import content
from ..steps.layout import DEFAULT_ROOT
from ..teach import explanation, text
from ..teach.explanation import Explanation
from ..teach.outcome import Outcome
from . import manual
from .output import say, say_json, show
from .terminal import WIDTH, columns, painting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from ..plan.options import Options
    from ..teach.text import Paint


def name_of(bundle: str) -> str:
    """What to call the container where nobody has said it: the same each time, unlike the id that `run` makes up."""
    name = os.path.basename(os.path.abspath(bundle))
    return name if name and ID_CHARACTERS.issuperset(name) else "container"


def default_root() -> str:
    """Where a run would have its books. Who has no place for them may read what root's would do: nothing is written."""
    try:
        return operations.default_root()
    except StateError:
        return DEFAULT_ROOT


def explain(options: Options, values: Mapping[str, Any]) -> None:
    """Print the explanation as the command line asks for it; `config_text` among the values is config.json as --set has
    it, if it has. Raises MinirunError as a run would."""
    if values["without"] is not None:
        show_without(options, values)
        return
    if values["diff"] is not None:
        show_difference(options, values)
        return
    refuse_what_would_be_ignored(values)
    if values["output"]:
        save(options, values, os.path.abspath(values["output"]))
        return
    if values["script"]:
        from ..teach.script import script

        say(script(options, values["config_text"]))
        return
    explained = explained_as(options, values)
    if values["format"] == "text":
        print_text(explained, values)
    else:
        printing = say_json if values["format"] == "json" else say
        printing(written(explained, values))


def refuse_what_would_be_ignored(values: Mapping[str, Any]) -> None:
    if values["timing"] and (values["script"] or values["format"] not in ("html", "svg")):
        raise StateError("only pictures have durations\n  allowed: --timing with --format html or svg")
    if values["script"] and (values["step"] is not None or values["format"] != "text"):
        raise StateError("--script is a form of its own\n  allowed: beside it --output, and no --format or --step")


def save(options: Options, values: Mapping[str, Any], path: str) -> None:
    from ..teach import whole_file
    from ..teach.script import script

    whole_file.check_writable(path)  # before the work
    if values["script"]:
        told = script(options, values["config_text"])
    else:
        told = written(explained_as(options, values), values)
    whole_file.save(path, told)


def explained_as(options: Options, values: Mapping[str, Any]) -> Explanation:
    config = values["config_text"]
    explained = explanation.explain(options, findings(options, config), config)
    if values["timing"]:
        from ..teach.real_run import real_run

        run = real_run(values["timing"], explained.steps)
        explained = explained.replace(durations=run.durations, run=run)
    if values["step"] is not None:
        return explained.replace(steps=(chosen(explained, values["step"]),), outcome=Outcome(), stages=())
    return explained


def written(explained: Explanation, values: Mapping[str, Any]) -> str:
    from ..teach import markdown, mermaid, page, svg

    forms = {
        "text": lambda told: in_text(told, values, WIDTH, text.plain),
        "markdown": markdown.markdown,
        "html": page.page,
        "svg": svg.svg,
        "mermaid": mermaid.mermaid,
        "json": Explanation.json,
    }
    return forms[values["format"]](explained)


def in_text(explained: Explanation, values: Mapping[str, Any], width: int, paint: text.Paint) -> str:
    if values["step"] is not None or values["verbose"]:
        return text.details(explained.steps, width, paint)
    return text.summary(explained, width, paint)


def print_text(explained: Explanation, values: Mapping[str, Any]) -> None:
    put(lambda width, paint: in_text(explained, values, width, paint))


def put(told: Callable[[int, Paint], str]) -> None:
    """Print what there is to tell, by the page where it is long."""
    said = told(columns(sys.stdout), painting(sys.stdout)) + (manual.advice() if sys.stdout.isatty() else "")
    if sys.stdout.isatty() and said.count("\n") >= shutil.get_terminal_size().lines:
        import click

        click.echo_via_pager(said)
    else:
        show(said)


def show_without(options: Options, values: Mapping[str, Any]) -> None:
    """What would be if something were left out. Raises MinirunError as a run would."""
    from ..teach import without

    refuse_other_forms("without", values)
    found = without.without(values["without"], explanation.steps_of(options, values["config_text"]))
    if values["format"] == "json":
        say_json(without.to_json(options.id, options.bundle, found))
    else:
        put(lambda width, paint: without.text(options.id, found, width, paint))


def show_difference(options: Options, values: Mapping[str, Any]) -> None:
    """Raises MinirunError as a run of either would."""
    from ..teach import comparison

    refuse_other_forms("diff", values)
    bundle = os.path.abspath(values["diff"])
    other = options.replace(bundle=bundle, config="")
    found = comparison.compare(explanation.explain(options, text=values["config_text"]), explanation.explain(other))
    if values["format"] == "json":
        say_json(comparison.to_json(found))
    else:
        put(lambda width, paint: comparison.text(found, width, paint))


def refuse_other_forms(name: str, values: Mapping[str, Any]) -> None:
    others = ("output", "timing", "step", "verbose", "script")
    if values["format"] not in ("text", "json") or any(values[other] for other in others):
        raise StateError(
            f"--{name} is a question of its own\n"
            f"  allowed: beside it --format text or json, and no {', '.join(f'--{other}' for other in others)}"
        )


def chosen(explained: Explanation, word: str) -> explanation.Told:
    for told in explained.steps:
        if word == str(told.number):
            return told
    raise StateError(f"there is no step {safe(word)}\n  allowed: 1 to {len(explained.steps)}")


def findings(options: Options, config: bytes | None) -> tuple[str, ...]:
    """What `validate` has to say: a run may stop there, although there is a plan."""
    text = content(options.bundle, options.config) if config is None else config
    found = operations.validate(options.bundle, text)
    return tuple(f"{one.pointer}: {one.message} ({one.cure})" for one in found)
