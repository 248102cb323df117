"""Chromium without a window, by its DevTools protocol (https://chromedevtools.github.io/devtools-protocol/)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

# The protocol goes through descriptors 3 and 4 (--remote-debugging-pipe); each message ends with a zero byte.
START = 'exec "$@" 3<&"$READ" 4>&"$WRITE"'
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--window-size=1280,720")
# What would tell of an error, or of something that is loaded.
TROUBLE = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded", "Network.requestWillBeSent")


class Browser:
    """One page in it."""

    def __init__(self, profile: Path) -> None:
        reading, self.write_end = os.pipe()
        self.read_end, writing = os.pipe()
        self.process = subprocess.Popen(
            ["bash", "-c", START, "bash", str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(reading, writing),
            env=os.environ | {"READ": str(reading), "WRITE": str(writing), "HOME": str(profile)},
            stderr=subprocess.DEVNULL,
        )
        os.close(reading)
        os.close(writing)
        self.messages = open(self.read_end, "rb")
        self.events: list[dict[str, Any]] = []
        self.number = 0
        self.session: dict[str, str] = {}
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = {"sessionId": self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]}
        for domain in ("Runtime", "Log", "Network", "Page"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> Any:
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters, **self.session}
        os.write(self.write_end, json.dumps(message).encode() + b"\0")
        while (answer := self.next()).get("id") != self.number:
            self.events.append(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def next(self) -> dict[str, Any]:
        letters = iter(lambda: self.messages.read(1), b"\0")
        text = b"".join(iter(lambda: next(letters, b""), b""))
        assert text, "the browser has ended"
        message: dict[str, Any] = json.loads(text)
        return message

    def open(self, file: Path) -> None:
        self.call("Page.navigate", url=f"file://{file}")
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(self.next())

    def value(self, expression: str) -> Any:
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def press(self, key: str) -> None:
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key)

    def click(self, selector: str) -> None:
        element = f"document.querySelector('{selector}')"
        self.value(f"{element}.scrollIntoView({{block: 'center'}})")
        x, y = self.value(f"(r => [r.x + r.width / 2, r.y + r.height / 2])({element}.getBoundingClientRect())")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def follow(self, selector: str) -> None:
        """Clicks a link that changes the page's address, of which the page hears a little later."""
        self.value("followed = new Promise(resolve => addEventListener('hashchange', resolve, {once: true}))")
        self.click(selector)
        self.call("Runtime.evaluate", expression="followed.then(() => true)", awaitPromise=True)

    def end(self) -> None:
        os.close(self.write_end)  # it ends with the pipe
        self.process.wait(timeout=30)
        self.messages.close()
