"""Numbers of bytes as people write them."""

from __future__ import annotations

UNITS = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40}  # powers of two


def whole(word: str) -> int | None:
    digits = word.removeprefix("-")
    return int(word) if digits.isascii() and digits.isdigit() and len(digits) < 20 else None


def size(word: str) -> int | None:
    """64M, 64mb, 64 MiB, 67108864 -> bytes, all units being powers of 1024, of which 1.5g has one and a half; -1 for no
    limit."""
    lower = word.lower().removesuffix("b").removesuffix("i")
    unit = lower[-1:] if lower[-1:] in UNITS else ""
    number, point, part = lower.removesuffix(unit).removesuffix(" ").partition(".")
    count, rest = whole(number), whole(part) if point else 0
    if count is None or rest is None or (point and "-" in lower):
        return None
    return (count << UNITS[unit]) + (rest << UNITS[unit]) // int(10 ** len(part))
