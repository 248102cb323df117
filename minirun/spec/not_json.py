"""What is wrong with a text that is no JSON: where, with the line, or that it is empty or breaks off."""

from __future__ import annotations

import re
from json import JSONDecodeError

from ..errors import ConfigError

ALLOWED = "JSON (RFC 8259)"
BYTE_ORDER_MARK = "a byte order mark, which some editors write; have yours save UTF-8 without BOM"
EMPTY = "not JSON: an empty file, as a write to a full disk leaves it"
KINDS = {"{": "object", "[": "array"}
WIDEST = 64  # characters of a line that are shown: of a file without line breaks it is all

# A string, to its end or that of the text; a bracket.
TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[][{}]', re.DOTALL)

# How the messages begin, and what of the text is there from the place that they name, when it breaks off.
AT_THE_END = (
    ("Unterminated string", re.compile(".*")),  # a line break would have been an error before
    ("Invalid control", re.compile("")),
    ("Invalid \\", re.compile(r"\\?u?[0-9a-fA-F]{0,4}")),
    ("Expecting value", re.compile("-|t(ru?)?|f(a(ls?)?)?|n(ul?)?")),
    ("Expecting ',' delimiter", re.compile(r"(\.|[eE][-+]?)?")),  # the number before goes on
    ("Expecting", re.compile("")),
)


def not_json(error: JSONDecodeError) -> ConfigError:
    if not error.doc.strip():
        return ConfigError("", EMPTY, ALLOWED)
    if breaks_off(error):
        return broken_off(error.doc.rstrip())
    what = BYTE_ORDER_MARK if error.doc.startswith("\ufeff") else error.msg
    return ConfigError("", f"not JSON at line {error.lineno}, column {error.colno}: {what}", ALLOWED, *excerpt(error))


def breaks_off(error: JSONDecodeError) -> bool:
    """Whether there was no mistake up to the end."""
    rest = error.doc[error.pos :].strip()
    return any(error.msg.startswith(start) and pattern.fullmatch(rest) for start, pattern in AT_THE_END)


def broken_off(text: str) -> ConfigError:
    end = JSONDecodeError("", text, len(text))
    return ConfigError("", f"not JSON: it ends in line {end.lineno}, {inside(text)}", ALLOWED, *excerpt(end))


def inside(text: str) -> str:
    """The innermost object or array that is not closed."""
    begun: list[int] = []
    for token in TOKEN.finditer(text):
        if token[0] in KINDS:
            begun.append(token.start())
        elif token[0] in ("}", "]"):
            begun.pop()
    if not begun:
        return "in the middle of a value"
    return f"in the middle of the {KINDS[text[begun[-1]]]} that begins in line {text.count(chr(10), 0, begun[-1]) + 1}"


def excerpt(error: JSONDecodeError) -> tuple[str, int]:
    """The line with the mistake, or a part of it, and where in that the mistake is."""
    line = error.doc.split("\n")[error.lineno - 1]
    start = max(0, error.colno - 1 - WIDEST // 2)
    before = 0 if start else len(line) - len(line.lstrip())
    start += min(before, error.colno - 1)
    part = line[start : start + WIDEST].rstrip()
    return "".join(one if one.isprintable() else " " for one in part), error.colno - 1 - start
