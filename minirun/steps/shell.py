"""Words of a shell command. What stands in config.json may be anything, and somebody may run the command."""

from __future__ import annotations

PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-")
SPECIAL_IN_DOUBLE_QUOTES = '\\"$`'


def quoted(word: str) -> str:
    """A word as a shell takes it literally; plain words stay as they are. What a terminal would not show but obey is
    written as $'…' has it: bash, zsh and ksh, and POSIX since 2024."""
    if word and PLAIN.issuperset(word):
        return word
    return between_quotes(word) if word.isprintable() else f"$'{''.join(map(escaped, word))}'"


def between_quotes(word: str) -> str:
    """As every shell takes it, whatever is in the word."""
    return "'" + word.replace("'", "'\\''") + "'"


def escaped(letter: str) -> str:
    """Between $' and ': a byte at a time, since \\u means something else in another locale."""
    if letter.isprintable() and letter not in "\\'":
        return letter
    return "\\n" if letter == "\n" else "".join(f"\\x{byte:02x}" for byte in letter.encode(errors="surrogateescape"))


def below(variable: str, path: str) -> str:
    """A path that begins with a variable's value: `"$rootfs/proc"`."""
    if not path.isprintable():
        return f'"${variable}"{quoted(path)}'
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
