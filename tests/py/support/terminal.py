"""A terminal for tests: a real program in a pseudo-terminal, and what its screen shows."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import pyte
from running import SECONDS

SIZES: Final = ("COLUMNS", "LINES")  # programs believe these before the terminal


class Terminal:
    """The program's screen; keys and clicks go in."""

    def __init__(self, leader: int, width: int, height: int) -> None:
        self._leader = leader
        self.written = b""
        self._screen = pyte.Screen(width, height)
        self._stream = pyte.ByteStream(self._screen)
        self._lock = threading.Lock()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with suppress(OSError):  # the program has ended
            while some := os.read(self._leader, 65536):
                with self._lock:
                    self.written += some
                    self._stream.feed(some)

    @property
    def lines(self) -> list[str]:
        with self._lock:
            return [line.rstrip() for line in self._screen.display]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def sees(self, *texts: str) -> None:
        """Wait until the screen shows all of them."""
        self.waits(lambda: all(text in self.text for text in texts), f"{texts}")

    def waits(self, happened: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + SECONDS
        while not happened():
            assert time.monotonic() < deadline, f"{what} did not happen:\n{self.text}"
            time.sleep(0.02)

    def type(self, keys: str) -> None:
        os.write(self._leader, keys.encode())

    def click(self, text: str, times: int = 1) -> None:
        """Click on a text that stands still: a screen may be drawn twice after a change."""
        at, before = self._place(text), ""
        while at != before:
            time.sleep(0.3)
            at, before = self._place(text), at
        self.type(f"\x1b[<0;{at}M\x1b[<0;{at}m" * times)

    def _place(self, text: str) -> str:
        row, line = next((n, line) for n, line in enumerate(self.lines) if text in line)
        return f"{line.index(text) + 2};{row + 1}"

    def resize(self, width: int, height: int) -> None:
        with self._lock:
            self._screen.resize(height, width)
        set_size(self._leader, width, height)


def set_size(leader: int, width: int, height: int) -> None:
    fcntl.ioctl(leader, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))


@contextmanager
def terminal(
    *arguments: str, env: dict[str, str], width: int = 120, height: int = 40
) -> Iterator[Terminal]:
    """A `tasker-sql` in a terminal of that size; killed at the end, if it still runs."""
    program = Path(sys.executable).with_name("tasker-sql")
    leader, follower = pty.openpty()
    set_size(leader, width, height)
    started = subprocess.Popen(
        [program, *arguments],
        env={name: value for name, value in os.environ.items() if name not in SIZES}
        | {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
        | env,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(follower)
    try:
        yield Terminal(leader, width, height)
    finally:
        started.kill()
        started.wait()
        os.close(leader)
