"""The table of all labs in docs/teaching.md, made of the labs themselves. After a change to one:

python3 -m minirun.labs.document docs/teaching.md
"""

from __future__ import annotations

import sys

from .catalogue import folders, text_of
from .needs import ROOT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

BEGIN, END = "<!-- labs -->\n", "<!-- end -->\n"


def table() -> Iterator[str]:
    yield "| | lab | minutes | root | needs |"
    yield "|--:|---|--:|---|---|"
    for one in folders():
        lab = one.lab
        needs = "; ".join(need.name for need in lab.needs if need is not ROOT)
        root = "no" if lab.rootless else "yes"
        yield f"| {one.number} | {lab.title} | {lab.minutes} | {root} | {needs} |"
    yield f"| | all | {sum(one.lab.minutes for one in folders())} | | |"


def with_table(page: str) -> str:
    before, rest = page.split(BEGIN)
    return before + BEGIN + "\n".join([*table(), END]) + rest.partition(END)[2]


def main(path: str) -> None:
    page = with_table(text_of(path))
    with open(path, "w", encoding="utf-8") as file:
        file.write(page)


if __name__ == "__main__":
    main(sys.argv[1])
