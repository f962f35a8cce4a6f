"""Makes processes by forking: everything is imported already, so that one takes milliseconds.

Reads a specification a line and answers the pid of the process made for it. Ends with its input,
and takes its children along.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from chaos.crew import Spec, main

PR_SET_PDEATHSIG = 1


class Zygote:
    """The other end: asks for processes."""

    def __init__(self) -> None:
        path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "chaos.zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
        )
        self._asking = threading.Lock()

    def fork(self, spec: Spec) -> int:
        """The pid of a new process."""
        assert self._process.stdin and self._process.stdout
        with self._asking:
            self._process.stdin.write(spec.to_json().encode() + b"\n")
            self._process.stdin.flush()
            return int(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def serve() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = os.getpid()
    gc.freeze()
    while line := os.read(0, 1 << 16):  # one question at a time
        pid = os.fork()
        if pid == 0:
            _be(json.loads(line), parent)
        os.write(1, b"%d\n" % pid)


def _be(spec: dict[str, object], parent: int) -> None:
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.dup2(2, 1)
        if os.getppid() == parent:
            main(Spec.from_json(spec))
    finally:
        os._exit(0)


if __name__ == "__main__":
    serve()
