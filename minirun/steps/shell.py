"""Words of a shell command. What stands in config.json may be anything, and somebody may run the command."""

from __future__ import annotations

PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-")
SPECIAL_IN_DOUBLE_QUOTES = '\\"$`'


def quoted(word: str) -> str:
    """A word as a shell takes it literally; plain words stay as they are."""
    if word and PLAIN.issuperset(word):
        return word
    return "'" + word.replace("'", "'\\''") + "'"


def below(variable: str, path: str) -> str:
    """A path that begins with a variable's value: `"$rootfs/proc"`."""
    escaped = "".join(f"\\{letter}" if letter in SPECIAL_IN_DOUBLE_QUOTES else letter for letter in path)
    name = variable if not path or path.startswith("/") else f"{{{variable}}}"  # else its end could not be told
    return f'"${name}{escaped}"'


def in_root(path: str) -> str:
    """A path of the container, while its root is still a directory of the host."""
    return below("rootfs", path)


def operand(word: str) -> str:
    """A word that a command must not take for an option."""
    return f"-- {quoted(word)}" if word.startswith("-") else quoted(word)


def echo(word: str) -> str:
    """A command that writes the word as a line. What looks like -n, echo would take for an option."""
    is_option = word.startswith("-") and not word.strip("-neE")
    return f"printf '%s\\n' {quoted(word)}" if is_option else f"echo {quoted(word)}"
