"""docs/run.svg, the moving picture at the top of the README, shows what docs/run.cast has."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

DOCS = Path(__file__).parents[2] / "docs"
SVG = "{http://www.w3.org/2000/svg}"


def drawn(cast: str) -> str:
    done = subprocess.run([sys.executable, DOCS / "draw"], input=cast, capture_output=True, text=True, check=True)
    return done.stdout


def recorded(*texts: str) -> str:
    header = {"version": 2, "width": 10, "height": 2}
    return "\n".join(
        json.dumps(line) for line in [header, *([number / 100, "o", text] for number, text in enumerate(texts))]
    )


def shown(svg: str) -> dict[tuple[int, int], tuple[str, str]]:
    """Row and column of each run of words, the words and their class."""
    texts = ElementTree.fromstring(svg).iter(f"{SVG}text")
    return {
        (int(one.attrib["y"]) // 18, int(one.attrib["x"]) // 8): (one.text or "", one.get("class", "")) for one in texts
    }


def test_the_picture_in_docs_is_what_is_drawn_of_the_recording() -> None:
    """To make it anew: docs/draw < docs/run.cast > docs/run.svg"""
    svg = (DOCS / "run.svg").read_text()
    assert drawn((DOCS / "run.cast").read_text()) == svg
    assert len(svg) < 60_000
    assert "Hello from process 1" in svg and "http" not in svg.replace("http://www.w3.org/2000/svg", "")


def test_words_stand_in_their_columns_and_long_lines_go_on_below() -> None:
    svg = drawn(recorded("a   b\r\n", "\x1b[33m\x1b[1m  <c>\x1b[0m d\r\n", "0123456789ab\r\n", "\x1b[2mé\x1b[0m"))
    assert shown(svg) == {
        (0, 0): ("a", ""),
        (0, 4): ("b", ""),
        (1, 2): ("<c>", "yellow bold"),
        (1, 6): ("d", ""),
        (2, 0): ("0123456789", ""),
        (3, 0): ("ab", ""),
        (4, 0): ("é", "dim"),
    }


def test_without_motion_the_last_screen_is_shown_and_lines_come_slowly_enough_to_be_followed() -> None:
    svg = drawn(recorded("$ ", "x", "\r\n", "1\r\n", "2\r\n", "3\r\n", "$ "))
    rows, curtain = (one for one in ElementTree.fromstring(svg).iter(f"{SVG}g"))
    assert rows.attrib["transform"] == f"translate(0,-{3 * 18})"  # of five rows, the last two
    assert curtain.attrib["transform"] == f"translate({2 * 8},{4 * 18})"  # behind the prompt
    moving = svg.partition("@media (prefers-reduced-motion: no-preference)")[2]
    assert "animation" in moving and "animation" not in svg[: -len(moving)]
    assert float(re.findall(r"print ([\d.]+)s", svg)[0]) > 4 * 0.05  # where the four lines came within 0.05
    assert re.findall(r"@keyframes \w+ {\n(.*)px", svg) == [
        "0.00% { transform: translate(0px,0",
        "0.00% { transform: translate(0,-0",
    ]
