"""Puts this Python's own modules into the root directory of an image: python3 modules.py ROOT

As one file, for which sys.path has a place from the beginning (zipimport): an image of 1,500 files takes several times
as long to build. What is written in C has to be a file of its own.
"""

from __future__ import annotations

import shutil
import sys
import sysconfig
from pathlib import Path
from zipfile import PyZipFile

LEFT_OUT = ("test", "tests", "idlelib")


def main(root: str) -> None:
    in_c = sysconfig.get_config_var("DESTSHARED")
    shutil.copytree(in_c, root + in_c)
    archive = next(path for path in sys.path if path.endswith(".zip"))
    with PyZipFile(root + archive, "w") as file:
        for path in Path(sysconfig.get_path("stdlib")).iterdir():
            if path.suffix == ".py" or (path / "__init__.py").exists():
                file.writepy(str(path), filterfunc=is_wanted)


def is_wanted(path: str) -> bool:
    return Path(path).name not in LEFT_OUT


if __name__ == "__main__":
    main(sys.argv[1])
