"""What a text may do to whoever reads it: nothing but be read. Every text for people goes through here on its way out.

An image, a config.json, a hook, an argument may bring along any character. A terminal obeys some: ESC and the C1
controls begin commands that move the cursor, set the title, or type for the user (CVE-2003-0063); a carriage return
hides what stood there before; the marks for right-to-left text turn words around (CVE-2021-42574). A line break would
begin a line that looks like minirun's own. And half a surrogate pair, which Python has for a byte of a file's name that
is no UTF-8 (PEP 383), can't be written at all. All of these are shown as Python writes them: \\x1b, \\n, \\u202e.

    safe          a value inside of a message, which is to stay on its line
    safe_lines    a whole message, whose line breaks are minirun's
    safe_json     JSON, in which json.dumps leaves one control as it is
"""

from __future__ import annotations


def safe(text: str) -> str:
    return text if text.isprintable() else "".join(map(shown, text))


def shown(letter: str) -> str:
    return letter if letter.isprintable() else ascii(letter)[1:-1]


def safe_lines(text: str) -> str:
    return "\n".join(map(safe, text.split("\n")))


def safe_json(text: str) -> str:
    """The same value in other letters: DEL can stand only inside of a string."""
    return text.replace("\x7f", "\\u007f")
