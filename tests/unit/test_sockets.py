"""minirun.kernel.sockets, as far as it takes no root."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]

SEND = """
import os, sys
from minirun.kernel.sockets import MessageSocket

here, there = MessageSocket.pair()
for number in range(100):
    here.send(b"message", (1,))
    text, (copy,), sender = there.receive()
    assert text == b"message" and os.path.samestat(os.fstat(copy), os.fstat(1))
    os.close(copy)
"""


def test_the_kernel_writes_nothing_beyond_what_is_there_for_it() -> None:
    """sendmmsg(2) writes how much it has sent. Python's debugging allocator has guards around each piece of memory."""
    environment = os.environ | {"PYTHONMALLOC": "debug", "PYTHONPATH": str(REPOSITORY)}
    told = subprocess.run([sys.executable, "-c", SEND], env=environment, capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr) == (0, "")
