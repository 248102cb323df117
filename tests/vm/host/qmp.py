"""QEMU's monitor: commands and answers in JSON, one a line. https://www.qemu.org/docs/master/interop/qemu-qmp-ref.html"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from host.talk import MachineFailed

if TYPE_CHECKING:
    import socket


class Qmp:
    def __init__(self, line: socket.socket) -> None:
        self.file = line.makefile("rw")
        self.read()  # the greeting
        self.command("qmp_capabilities")

    def read(self) -> dict[str, Any]:
        line = self.file.readline()
        if not line:
            raise MachineFailed("QEMU ended")
        message: dict[str, Any] = json.loads(line)
        return message

    def command(self, name: str, **arguments: Any) -> Any:
        """Carries out a command; its answer. Events, which come at any time, have neither of the two words."""
        self.file.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
        self.file.flush()
        while True:
            message = self.read()
            if "error" in message:
                raise MachineFailed(f"QEMU, {name}: {message['error']['desc']}")
            if "return" in message:
                return message["return"]

    def wait_while(self, query: str, states: set[str], deadline: float) -> str:
        """Asks for a status until it is none of these any more; which it is then."""
        while True:
            state: str = self.command(query).get("status", "none")
            if state not in states:
                return state
            if time.monotonic() > deadline:
                raise MachineFailed(f"QEMU, {query}: still {state}")
            time.sleep(0.01)
