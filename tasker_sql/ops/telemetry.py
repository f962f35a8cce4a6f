"""The log: text for people, JSON for machines.

A line is about its arguments: those with `facts` (a step's attempt, a worker, a circuit) print as
text, and leave these facts as keys of their own in JSON. Contexts and results are never logged;
passwords are masked, wherever a driver's message has them.

While a runner runs, one thread writes all lines: those of this package and of the driver, wherever
an application sends them, and those of everybody to standard error. A thread that logs
neither waits for a handler of the log nor meets its errors.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from queue import SimpleQueue
from typing import Any, Final

from tasker_sql.config.settings import TelemetrySettings
from tasker_sql.masking import masked, masked_value
from tasker_sql.visible import visible, visible_json, visible_lines

TEXT: Final = "%(asctime)s %(levelname)-7s %(message)s"


class TextFormatter(logging.Formatter):
    """One line of text; the traceback of a failure or a defect stands below it."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        traceback = getattr(record, "traceback", "")
        return f"{text}\n{_lines(traceback)}" if traceback else text

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        return visible(masked(super().formatMessage(record)))

    def formatException(self, defect: Any) -> str:  # noqa: N802
        return _lines(super().formatException(defect))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802
        return _lines(super().formatStack(stack_info))


class JsonFormatter(logging.Formatter):
    """One object a line: at, level, logger, message, the facts, and the traceback of a failure or a
    defect."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        for argument in record.args or ():
            facts = getattr(argument, "facts", None)
            if isinstance(facts, Mapping):
                line |= facts
        traceback = getattr(record, "traceback", "")
        if record.exc_info:
            traceback = self.formatException(record.exc_info)
        if traceback:
            line["traceback"] = traceback
        return visible_json(json.dumps(masked_value(line), ensure_ascii=False, default=str))


def _lines(text: str) -> str:
    return "\n".join(visible_lines(masked(text)))


WAITING: Final = 1000  # lines that may wait to be written
PATIENCE: Final = 1.0  # seconds that the end of a runner waits for its last lines
OURS: Final = ("tasker_sql", "psycopg")

log = logging.getLogger(__name__)

Write = Callable[[logging.LogRecord], object]


class Writer:
    """Writes lines in a thread of its own; drops and counts those for which there is no room."""

    def __init__(self) -> None:
        self.users = 0  # runners that run
        self.dropped = 0
        self._lines: SimpleQueue[tuple[Write, logging.LogRecord] | threading.Event] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def begin(self) -> None:
        """Another runner runs."""
        with self._starting:
            self.users += 1
            if self._thread is None or not self._thread.is_alive():  # as in a forked process
                self._thread = threading.Thread(target=self._repeat, name="log", daemon=True)
                self._thread.start()

    def end(self) -> None:
        """A runner has ended: wait a little until its lines are written."""
        self.flush()
        with self._starting:
            self.users -= 1

    def flush(self) -> bool:
        """Wait a little until all lines so far are written. Says whether they are."""
        written = threading.Event()
        self._lines.put(written)
        return self._thread is None or written.wait(PATIENCE)

    def write(self, write: Write, record: logging.LogRecord) -> None:
        """Let a line be written, aside while a runner runs."""
        if not self.users or threading.current_thread() is self._thread:
            write(record)
        elif self._lines.qsize() < WAITING:
            self._lines.put((write, record))
        else:
            self.dropped += 1

    def _repeat(self) -> None:
        while True:
            line = self._lines.get()
            if isinstance(line, threading.Event):
                line.set()
                continue
            with suppress(BaseException):  # a sink that exits ends nothing
                line[0](line[1])
            if dropped := self.dropped:
                self.dropped = 0
                log.warning(
                    "%d lines of the log were dropped: they were written too slowly", dropped
                )


WRITER: Final = Writer()


class AsideLogger(logging.Logger):
    """A logger whose lines the writer writes; none raises an error."""

    def _log(self, *arguments: Any, **more: Any) -> None:
        more["stacklevel"] = more.get("stacklevel", 1) + 1
        with suppress(Exception):
            super()._log(*arguments, **more)

    def handle(self, record: logging.LogRecord) -> None:
        WRITER.write(super().handle, record)


class StandardError(logging.StreamHandler[Any]):
    """Standard error, written by the writer."""

    def handle(self, record: logging.LogRecord) -> bool:
        WRITER.write(super().handle, record)
        return True


def begin_aside() -> None:
    """A runner starts: from now on, its lines are written aside."""
    for name, found in list(logging.root.manager.loggerDict.items()):
        if name.partition(".")[0] in OURS and type(found) is logging.Logger:
            found.__class__ = AsideLogger
    WRITER.begin()


def log_as(settings: TelemetrySettings) -> None:
    """Log to standard error, as configured."""
    handler = StandardError()
    handler.setFormatter(JsonFormatter() if settings.format == "json" else TextFormatter(TEXT))
    logging.basicConfig(level=settings.level.upper(), handlers=[handler])
