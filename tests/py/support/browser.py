"""A browser without a window, driven over its pipe: what a page looks like, what it asks for."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader, FileIO
from pathlib import Path
from typing import Any, Final

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS: Final = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
    *("--remote-debugging-pipe", "--no-first-run", "--disable-background-networking"),
    *("--no-proxy-server", "--hide-scrollbars"),
)


def program() -> str | None:
    """The browser of this machine, if it has one."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Tab:
    """One page of a browser. `asked` are the addresses that it has asked for, `complaints` what it
    refused or could not do."""

    def __init__(self, to: FileIO, back: BufferedReader) -> None:
        self._to, self._back = to, back
        self._part, self._messages = b"", list[Any]()
        self._number = 0
        self._session = ""
        self.asked = list[str]()
        self.complaints = list[str]()
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **given: Any) -> Any:
        """What the browser answers. Raises AssertionError when it refuses."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": given}
        if self._session:
            message["sessionId"] = self._session
        self._to.write(json.dumps(message).encode() + b"\0")
        while (found := self._read()).get("id") != self._number:
            self._note(found)
        assert "error" not in found, (method, found["error"])
        return found["result"]

    def open(self, url: str, width: int, dark: bool = False) -> None:
        """Go to a page, and wait until it is there."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Page.navigate", url=url)
        while (found := self._read()).get("method") != "Page.loadEventFired":
            self._note(found)

    def evaluate(self, expression: str) -> Any:
        """The value of an expression of JavaScript in the page."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        return found["result"].get("value")

    def press(self, key: str, code: int, text: str = "") -> None:
        for kind in ("keyDown" if text else "rawKeyDown", "keyUp"):
            given = {"type": kind, "key": key, "windowsVirtualKeyCode": code}
            self.call("Input.dispatchKeyEvent", **given, **({"text": text} if text else {}))

    def picture(self, file: Path) -> None:
        """All of the page, as PNG."""
        found = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(found["data"]))

    def _read(self) -> Any:
        while not self._messages:
            some = self._back.read1(1 << 20)
            assert some, "the browser has ended"
            *whole, self._part = (self._part + some).split(b"\0")
            self._messages += map(json.loads, whole)
        return self._messages.pop(0)

    def _note(self, event: Any) -> None:
        given = event.get("params", {})
        if event.get("method") == "Network.requestWillBeSent":
            self.asked.append(given["request"]["url"])
        if event.get("method") == "Log.entryAdded":
            self.complaints.append(given["entry"]["text"])


@contextmanager
def browsing(browser: str, folder: Path) -> Iterator[Tab]:
    """A tab of a new browser, which is ended at the end."""
    child_reads, to = os.pipe()
    back, child_writes = os.pipe()

    def pipes() -> None:
        os.dup2(child_reads, 3)
        os.dup2(child_writes, 4)

    process = subprocess.Popen(
        [browser, *FLAGS, f"--user-data-dir={folder}"],
        preexec_fn=pipes,
        pass_fds=(3, 4),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(child_reads)
    os.close(child_writes)
    try:
        with os.fdopen(to, "wb", 0) as asks, os.fdopen(back, "rb") as answers:
            yield Tab(asks, answers)
    finally:
        process.kill()
        process.wait()
