"""The log: text for people, JSON for machines.

A line is about its arguments: those with `facts` (a step's attempt, a worker, a circuit) print as
text, and leave these facts as keys of their own in JSON. Contexts and results are never logged;
passwords are masked, wherever a driver's message has them.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from tasker_sql.config import Telemetry, masked

TEXT: Final = "%(asctime)s %(levelname)-7s %(message)s"


class TextFormatter(logging.Formatter):
    """One line of text; a defect has its traceback below."""

    def format(self, record: logging.LogRecord) -> str:
        return str(masked(super().format(record)))


class JsonFormatter(logging.Formatter):
    """One object a line: at, level, logger, message, the facts, and the traceback of a defect."""

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": masked(record.getMessage()),
        }
        for argument in record.args or ():
            facts = getattr(argument, "facts", None)
            if isinstance(facts, Mapping):
                told |= facts
        if record.exc_info:
            told["traceback"] = masked(self.formatException(record.exc_info))
        return json.dumps(told, ensure_ascii=False, default=str)


def log_as(settings: Telemetry) -> None:
    """Log to standard error, as configured."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if settings.format == "json" else TextFormatter(TEXT))
    logging.basicConfig(level=settings.level.upper(), handlers=[handler])
