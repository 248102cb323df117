"""The command line in click: help, usage errors, completion. Built from the table, which says everything once."""

from __future__ import annotations

import difflib
import re
from io import StringIO
from typing import Any

import click

from ..kernel.telling import put
from ..safe import safe, safe_lines
from . import completion
from .output import Printing
from .table import COMMANDS, FLAG, GLOBAL, MANY, NUMBER, VERSION, VERSION_FLAGS, Call, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Perform = Callable[[Call], int]


class Group(click.Group):
    """A group that lists its commands as the table does, and says what a mistyped one may have meant."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(self.commands)

    def resolve_command(self, context: click.Context, words: list[str]) -> Any:
        if words and words[0] not in self.commands:
            from .elsewhere import COMMANDS_OF_OTHERS  # after a mistake there is time

            if words[0] in COMMANDS_OF_OTHERS:
                raise click.UsageError(f"no such command {words[0]!r}: {COMMANDS_OF_OTHERS[words[0]]}", context)
            close = difflib.get_close_matches(words[0], self.commands)
            hint = f" Did you mean {' or '.join(close)}?" if close else f" There are: {', '.join(self.commands)}."
            raise click.UsageError(f"no such command {words[0]!r}.{hint}", context)
        return super().resolve_command(context, words)


def main(words: list[str], perform: Perform) -> int:
    """Run the command line; the exit status. `perform` does what it says (cli/actions.py)."""
    try:
        with Printing():  # what perform does tells its own errors
            result = program(perform).main(words, prog_name="minirun", standalone_mode=False)
    except click.ClickException as error:
        show(error)
        put(2, advice(error, words).encode(errors="backslashreplace"))
        return 1
    except click.Abort:
        return 130
    return result if isinstance(result, int) else 0


def show(error: click.ClickException) -> None:
    """What click says about the command line, which may have anything in it."""
    said = StringIO()
    error.show(said)
    put(2, safe_lines(said.getvalue()).encode(errors="backslashreplace"))


def advice(error: click.ClickException, words: list[str]) -> str:
    """Where the words may be meant for another program that runs containers, what they are here."""
    name = error.ctx.command.name if isinstance(error, click.UsageError) and error.ctx else None
    if name not in ("run", "create"):
        return ""
    from .docker_words import advice as lines

    told = lines(COMMANDS[name], words[words.index(name) + 1 :])
    return "".join(f"  {safe(line)}\n" for line in told)


def program(perform: Perform) -> click.Group:
    group = Group(
        "minirun",
        params=[click_option(option) for option in GLOBAL],
        callback=lambda **_values: None,
        help="Run containers, as config.json describes them (OCI runtime spec 1.3).",
        context_settings={"help_option_names": ["-h", "--help", "-?"]},
    )
    click.version_option("", *VERSION_FLAGS, message=VERSION)(group)
    group.params.append(usage_option())
    for command in COMMANDS.values():
        group.add_command(click_command(command, perform))
    return group


def click_command(command: Command, perform: Perform) -> click.Command:
    def callback(**values: object) -> int:
        parent = click.get_current_context().parent
        return perform(Call(command.name, {**(parent.params if parent else {}), **values}))

    arguments = [
        click.Argument(
            [name],
            required=number < command.required,
            nargs=-1 if (command.rest or command.many) and name == command.arguments[-1] else 1,
            shell_complete=completion.of_argument(command.name, name),
        )
        for number, name in enumerate(command.arguments)
    ]
    options = [click_option(option) for option in command.options]
    return click.Command(
        command.name,
        params=[*arguments, *options, usage_option()],
        callback=callback,
        help=command.help,
        short_help=in_short(command.help),
        context_settings={"allow_interspersed_args": not command.rest},
    )


def in_short(text: str) -> str:
    """What is said before the first full stop, colon or semicolon: a line in the list of commands."""
    return " ".join(re.split(r"[.:;](?=\s)", text, maxsplit=1)[0].split())


def usage_option() -> click.Option:
    """What programs of the GNU kind have beside --help: one line."""

    def show(context: click.Context, _option: click.Parameter, wanted: bool) -> None:
        if wanted:
            click.echo(context.get_usage())
            context.exit()

    return click.Option(
        ["--usage"], is_flag=True, is_eager=True, expose_value=False, callback=show, help="Show one line of help."
    )


def click_option(option: Option) -> click.Option:
    kinds: dict[str, Any] = {NUMBER: click.IntRange(min=0), FLAG: None}
    return click.Option(
        [option.name, *option.flags],
        is_flag=option.kind == FLAG,
        multiple=option.kind == MANY,
        type=click.Choice(option.choices) if option.choices else kinds.get(option.kind, str),
        default=False if option.kind == FLAG else option.default,
        show_default=option.default not in (None, 0, ".", ()),
        metavar=option.metavar or None,
        shell_complete=completion.of_option(option),
        help=option.help,
    )
