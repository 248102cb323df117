"""Spell a command line the way it is read here: with other runtimes a flag may have a value, as in `--tty=false`, a
name of several letters may have one hyphen, as in `-bundle DIR`, and `help run` is `run --help`.
What stands behind `run TARGET --` is the program's: `--set /process/args=[…]`.
`--narrate=full` has one, too. click could read that itself (flag_value), but then would take the word behind a bare
`--narrate` for the value: in `run --narrate BUNDLE` the bundle."""

from __future__ import annotations

from .. import quick_json
from .table import COMMANDS, FLAG, GLOBAL, Option

HELP = "help"
END = "--"  # of the options; other runtimes have the bundle or the id behind it, and no program
TRUE = ("true", "True", "TRUE", "t", "T", "1")
FALSE = ("false", "False", "FALSE", "f", "F", "0")


def plain(words: list[str]) -> list[str]:
    """The words with `--flag` for `--flag=true`, without those that a later `--flag=false` takes back, and with
    `--flag-word` for `--flag=word` where there is such a flag. What belongs to a program, as behind the id of `exec`,
    stays as it is."""
    front, rest = plain_up_to(1, flags_of(GLOBAL), words)
    if front and front[-1] == HELP:
        return [*front[:-1], *rest[:1], f"--{HELP}"]
    command = COMMANDS.get(front[-1]) if front else None
    if command is None:
        return words
    before_rest = len(command.arguments) - 1 if command.rest else len(rest)
    known = flags_of(command.options)
    options, behind = plain_up_to(before_rest, known, rest)
    if len(behind) > 1 and behind[0] == END and "--set" in known and is_complete(known, options):
        behind = ["--set", f"/process/args={quick_json.dumps(behind[1:])}"]
    return [*front, *options, *behind]


def is_complete(known: dict[str, Option], words: list[str]) -> bool:
    """Whether they say which bundle and which id, by options or by a word that is neither an option nor its value."""
    named = set()
    while words and words[0].startswith("-"):
        flag, equals, _ = words[0].partition("=")
        option = known.get(flag)
        named.add(option.name if option else "")
        words = words[2 if option and option.kind != FLAG and not equals else 1 :]
    return bool(words) or {"bundle", "id"} <= named


def plain_up_to(arguments: int, known: dict[str, Option], words: list[str]) -> tuple[list[str], list[str]]:
    """The words up to the one that is the last of so many arguments, in their plain form; the rest, as it is."""
    spelled: list[str] = []
    while words and arguments and words[0] != END:
        flag, equals, value = in_full(words[0], known).partition("=")
        option = known.get(flag)
        length = 1 if option is None or equals or option.kind == FLAG else 2  # an option with its value
        if option and option.kind == FLAG and equals and value in FALSE:
            spelled = [word for word in spelled if word not in option.flags]
        elif option and option.kind == FLAG and equals and value in TRUE:
            spelled.append(flag)
        elif option and option.kind == FLAG and equals and f"{flag}-{value}" in known:
            spelled.append(f"{flag}-{value}")
        else:
            spelled += [flag + equals + value, *words[1:length]]
        arguments -= not words[0].startswith("-")
        words = words[length:]
    return spelled, words


def in_full(word: str, known: dict[str, Option]) -> str:
    """`--all` for `-all`."""
    return f"-{word}" if len(word) > 2 and f"-{word.partition('=')[0]}" in known else word


def flags_of(options: tuple[Option, ...]) -> dict[str, Option]:
    return {flag: option for option in options for flag in option.flags}
