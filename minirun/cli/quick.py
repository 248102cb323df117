"""Read a command line without click, where nothing about it is in doubt.

click takes longer to import than everything else that happens before a container starts, and 4 MB. So a well-formed
line is read here, by the same table. Whatever else it is (a question for help, a mistake, an unusual spelling) is left
to click, which knows how to answer. A test holds that both read the same out of every line that this reader takes.
"""

from __future__ import annotations

from .table import COMMANDS, FLAG, GLOBAL, MANY, NUMBER, VERSION_FLAGS, Call, Command, Option

DIGITS = 20  # more than any number here has; Python refuses to read some thousand (CVE-2020-10735)


def read(words: list[str]) -> Call | None:
    """The call that the words make; None to leave them to click."""
    values: dict[str, object] = {option.name: option.default or default_of(option) for option in GLOBAL}
    rest = read_options(GLOBAL, words, values)
    if not rest or rest[0] not in COMMANDS:
        return None
    command = COMMANDS[rest[0]]
    values |= {option.name: option.default or default_of(option) for option in command.options}
    return read_command(command, rest[1:], values)


def asks_for_version(words: list[str]) -> bool:
    """With nothing before it but global options. Engines ask again and again."""
    return words[-1:] != [] and words[-1] in VERSION_FLAGS and read_options(GLOBAL, words[:-1], {}) == []


def default_of(option: Option) -> object:
    return {FLAG: False, NUMBER: 0, MANY: ()}.get(option.kind)


def read_command(command: Command, words: list[str], values: dict[str, object]) -> Call | None:
    """Options and arguments in any order, as click takes them."""
    arguments: list[str] = []
    last = len(command.arguments) - 1
    while words and not (command.rest and len(arguments) == last):
        if words[0].startswith("-"):
            rest = read_options(command.options, words, values)
            if rest is None or rest == words:
                return None
            words = rest
        else:
            arguments.append(words[0])
            words = words[1:]
    if command.many:
        arguments, words = arguments[:last], arguments[last:]
    if not command.required <= len(arguments) <= len(command.arguments):
        return None
    padded: list[object] = [*arguments, *[None] * (len(command.arguments) - len(arguments))]
    if command.rest or command.many:
        padded[-1] = tuple(words)
    return Call(command.name, values | dict(zip(command.arguments, padded)))


def read_options(options: tuple[Option, ...], words: list[str], values: dict[str, object]) -> list[str] | None:
    """Take options off the front of the words; what is left, or None where one of them is not certain."""
    known = {flag: option for option in options for flag in option.flags}
    while words and words[0].startswith("-"):
        flag, equals, value = words[0].partition("=")
        option = known.get(flag)
        if option is None or (equals and (option.kind == FLAG or not flag.startswith("--"))):
            return None
        words = words[1:]
        if option.kind == FLAG:
            values[option.name] = True
            continue
        if not equals:
            if not words or (words[0].startswith("-") and words[0] != "-"):  # "-" is stdin
                return None
            value, words = words[0], words[1:]
        if option.choices and value not in option.choices:
            return None
        if option.kind == NUMBER and not (value.isascii() and value.isdigit() and len(value) < DIGITS):
            return None
        if option.kind == MANY:
            before = values[option.name]
            assert isinstance(before, tuple)
            values[option.name] = (*before, value)
        else:
            values[option.name] = int(value) if option.kind == NUMBER else value
    return words
