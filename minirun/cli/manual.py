"""Where the manual is missing, whose pages a text names: what brings it. For who reads that text at a terminal."""

from __future__ import annotations

from glob import glob
from shutil import which

PAGES = "/usr/share/man"
MISSING = """
A word such as unshare(2) is a page of the manual, and the manual is not installed here. This brings it:
  apt-get install man-db manpages manpages-dev
"""


def advice() -> str:
    return "" if which("man") and glob(f"{PAGES}/man2/unshare.2*") else MISSING
