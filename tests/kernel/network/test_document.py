"""docs/network.md: every transcript is what happens, on the stage and with networks in a directory of the test's."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from kernel.kit import needs
from kernel.kit.runtime import PATIENCE
from kernel.network.stage import stage
from kernel.test_readme import REPOSITORY, pattern, transcripts

if TYPE_CHECKING:
    from pathlib import Path

    from kernel.kit.runtime import Runtime
    from kernel.network.stage import Stage

pytestmark = [
    pytest.mark.root,
    pytest.mark.only("minirun", "its own documents"),
    needs.static_busybox(),
    *(needs.program(name) for name in ("nft", "ip", "jq")),
    needs.nat(),
]

USUAL = "/var/lib/minirun/networks"


def test_the_page_shows_what_happens(runtime: Runtime, place: Path) -> None:
    minirun = place / ".venv" / "bin" / "minirun"
    minirun.parent.mkdir(parents=True)
    minirun.write_text(f'#!/bin/sh\nPYTHONPATH={REPOSITORY} exec {" ".join(runtime.argv)} --root {place}/run "$@"\n')
    minirun.chmod(0o755)
    (place / "rootfs").symlink_to(REPOSITORY / "rootfs")
    found = transcripts("docs/network.md")
    assert len(found) > 15
    with stage(runtime, place) as there:
        try:
            for command, expected in found:
                shown = typed(command, there)
                assert re.fullmatch(pattern(expected), shown), f"$ {command}{shown}--- the page:\n{expected}"
        finally:
            for name in ("one", "two"):
                typed(f".venv/bin/minirun delete --force {name}", there)


def typed(command: str, there: Stage) -> str:
    """What a terminal shows of it, into a file: a container keeps it open."""
    command = re.sub(r"(minirun network \w+|minirun spec)", rf"\1 --networks {there.networks}", command)
    command = command.replace("sudo ", "").replace(USUAL, str(there.networks))
    output = there.place / "output"
    with output.open("wb") as stream:
        subprocess.run(
            [*there.host.prefix, "bash", "-c", command],
            cwd=there.place,
            env={**os.environ, "MINIRUN": f"{there.place}/.venv/bin/minirun"},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            timeout=60 * PATIENCE,
            check=False,
        )
    return output.read_text().replace(str(there.networks), USUAL)
