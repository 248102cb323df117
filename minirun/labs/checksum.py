"""The last line of what is handed in: a checksum over all that stands above it, by which a changed score is seen.

    sha256: 64 digits         of the text alone, as `head -n -1 FILE | sha256sum` makes it. Who knows that can change
                              the page and make the line anew
    hmac-sha256: 64 digits    of the text and a key (RFC 2104). Only who knows the key can make it

A page that was sent by mail may come with other ends of lines, or with blanks at them; these count for nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

PLAIN, KEYED = "sha256", "hmac-sha256"
LINE = re.compile(rf"({PLAIN}|{KEYED}): ([0-9a-f]{{64}})")
MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"  # before the first letter it says in which order the bytes are
MEMBER = "checksum"  # where the line is in JSON

NO_LINE = "its last line is no checksum"
CHANGED = "it was changed after minirun had written it"
CHANGED_OR_OTHER_KEY = f"{CHANGED}, or with another key"
NO_KEY_GIVEN = "it was made with a key, which it takes to say more: --key"
MADE_WITHOUT = "it was made without a key, so that anybody may have made it anew"


def signed(text: str, key: str = "") -> str:
    text = trimmed(text)
    return f"{text}{line(text, key)}\n"


def signed_json(value: Mapping[str, object], key: str = "") -> str:
    return json.dumps({**value, MEMBER: line(canonical(value), key)}, indent=1) + "\n"


def verify(text: str, key: str = "") -> bool:
    """Whether a page, or the same as JSON, is as minirun wrote it, with this key if one is given."""
    return not why_not(text, key)


def why_not(text: str, key: str = "") -> str:
    """Why the page proves nothing; "" where the checksum is right."""
    content, last = taken_apart(text)
    found = LINE.fullmatch(last)
    if not found:
        return NO_LINE
    if found[1] == KEYED and not key:
        return NO_KEY_GIVEN
    if found[1] == PLAIN and key:
        return MADE_WITHOUT
    if hmac.compare_digest(line(content, key), last):
        return ""
    return CHANGED_OR_OTHER_KEY if key else CHANGED


def line(text: str, key: str) -> str:
    content = text.encode(errors="backslashreplace")
    if key:
        secret = key.encode(errors="surrogateescape")
        return f"{KEYED}: {hmac.new(secret, content, hashlib.sha256).hexdigest()}"
    return f"{PLAIN}: {hashlib.sha256(content).hexdigest()}"


def taken_apart(text: str) -> tuple[str, str]:
    """What the checksum is of, and the checksum."""
    text = trimmed(text)
    if text.startswith("{"):
        return json_taken_apart(text)
    content, _, last = text.strip().rpartition("\n")
    return trimmed(content), last


def json_taken_apart(text: str) -> tuple[str, str]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text, ""
    return canonical({name: one for name, one in value.items() if name != MEMBER}), str(value.get(MEMBER))


def canonical(value: Mapping[str, object]) -> str:
    """The same letters for the same value, whatever program has written it in between."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def trimmed(text: str) -> str:
    """Without blanks at the ends of lines, with one line break at the end, and without what some editors begin with."""
    return "\n".join(one.rstrip() for one in text.replace(MARK, "").strip().split("\n")) + "\n"
