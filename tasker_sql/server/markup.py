"""Values as markup: every value of a template goes through `shown`, and is escaped after that."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from inspect import signature
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from tasker_sql.client import task_of
from tasker_sql.durations import span
from tasker_sql.failure import error_lines
from tasker_sql.jsonb import dumps
from tasker_sql.masking import masked, masked_value
from tasker_sql.rows import TaskStep
from tasker_sql.server.routes import OPERATE
from tasker_sql.visible import visible, visible_lines

LONG: Final = 500  # characters of a value in a line
MOST_TEXT: Final = 20_000  # characters of an input, a result, a traceback
NONE: Final = timedelta()

CALL: Final = re.compile(r"select \* from tasker\.(\w+)\((.*)\)(?:; .*)?", re.DOTALL)
ARGUMENT: Final = re.compile(r"'((?:[^'\\]|'')*)'")
RETRY_ALL: Final = re.compile(r"tasker-sql dlq retry((?: --[a-z]+ [\w.-]+)+) --reason '<why>'")
WHY: Final = "<why>"  # stands in a cure for the reason
PATHS: Final = {method.__name__: path for path, method in OPERATE.items()}


def shown(value: Any) -> Any:
    """A value as people read it in a line: short, without secrets, each character visible."""
    if isinstance(value, Markup):
        return value
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return _moment(value)
    if isinstance(value, timedelta):
        return span(max(value, NONE))
    if isinstance(value, float):
        return f"{value:.1f}"
    if isinstance(value, list | tuple):
        return ", ".join(str(shown(one)) for one in value[:20]) + (" ..." if value[20:] else "")
    text = dumps(value) if isinstance(value, dict) else str(value)
    return visible(masked(text[:LONG])) + (" ..." if len(text) > LONG else "")


def _moment(value: datetime) -> Markup:
    """How long ago, or until then; and when, for a mouse."""
    if value.tzinfo is None:
        return escape(f"{value:%Y-%m-%d %H:%M:%S}")  # of a clock on a wall
    away = value - datetime.now(UTC)
    words = f"in {span(away)}" if away > NONE else f"{span(-away)} ago"
    tag = Markup('<time title="{:%Y-%m-%d %H:%M:%S} UTC">{}</time>')
    return tag.format(value.astimezone(UTC), words)


def block(value: Any) -> Markup:
    """A text, or JSON, in its lines, without secrets; the end of a long one is left out."""
    is_text = isinstance(value, str)
    text = masked(_short(value)) if is_text else dumps(masked_value(_short(value)), indent=2)
    return escape("\n".join(visible_lines(_short(text))))


def _short(value: Any) -> Any:
    """JSON whose texts are not too long to be looked at."""
    if isinstance(value, dict):
        return {_short(key): _short(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_short(one) for one in value]
    if isinstance(value, str) and len(value) > MOST_TEXT:
        return f"{value[:MOST_TEXT]}\n... {len(value) - MOST_TEXT:,} more characters"
    return value


def cell(row: Any, column: str) -> Any:
    """A cell of a table: states have colours, tasks and steps are links."""
    value = row[column] if isinstance(row, Mapping) else getattr(row, column)
    if value is None:
        return ""
    if isinstance(value, UUID):
        place = "tasks" if value == task_of(value) else "steps"
        end = str(value)[-12:].lstrip("0")
        return Markup('<a href="/{}/{}" title="{}">…{}</a>').format(place, value, value, end)
    if column.endswith(("state", "status", "severity", "outcome")):
        return Markup('<span class="state {0}">{0}</span>').format(shown(value))
    return shown(value)


def bars(step: TaskStep, began: datetime, ended: datetime) -> list[tuple[str, float, float]]:
    """When a step was queued and when it ran, in percent of the time of its task."""
    whole = max((ended - began).total_seconds(), 0.001)
    found = []
    for kind, start, end in (
        ("queued", step.enqueued_at, step.started_at or ended),
        ("ran", step.started_at, step.finished_at or ended),
    ):
        if start is not None:
            left, right = (100 * (one - began).total_seconds() / whole for one in (start, end))
            left = min(max(left, 0), 99)
            found.append((kind, left, max(min(right, 100) - left, 1)))
    return found


def activity(parts: Sequence[Any]) -> dict[str, Any]:
    """What happened in the last of these parts, what that is a second, and in all of them."""
    last = parts[-1].until - parts[-1].since
    rows = []
    for column in parts[-1]._fields[2:]:  # behind since and until
        counts = [getattr(part, column) for part in parts]
        rate = counts[-1] / max(last.total_seconds(), 0.001)
        most = max(*counts, 1)
        rows.append(
            {
                "what": column.replace("_", " "),
                "count": counts[-1],
                "rate": f"{rate:,.1f}" if rate >= 10 else f"{rate:.2f}",
                "sum": sum(counts),
                "heights": [100 * count / most for count in counts],
            }
        )
    time = "minute" if round(last.total_seconds()) == 60 else span(last)
    return {"last": time, "whole": parts[-1].until - parts[0].since, "rows": rows}


def cure_form(cure: str) -> dict[str, Any] | None:
    """The form that does what a cure says, where that is one call of the API."""
    if many := RETRY_ALL.fullmatch(cure):
        options = dict(re.findall(r"--([a-z]+) (\S+)", many[1]))
        fields = {"verb": "retry_step", "json:filter": dumps(options)}
        return {"action": "/repairs", "label": "retry all", "fields": fields, "why": False}
    call = CALL.fullmatch(cure)
    if call is None or call[1] == "answer_wait" or (path := PATHS.get(call[1])) is None:
        return None
    names = [name for name in signature(OPERATE[path]).parameters if name != "self"]
    values = [one.replace("''", "'") for one in ARGUMENT.findall(call[2])]
    given = dict(zip(names, values, strict=False))
    why = given.pop("reason", None) == WHY
    if "step_uuid" in given:
        given["task_uuid"] = str(task_of(UUID(given["step_uuid"])))
    place = path.format_map({name: quote(value, safe="") for name, value in given.items()})
    fields = {name: value for name, value in given.items() if f"{{{name}}}" not in path}
    return {"action": place, "label": call[1].replace("_", " "), "fields": fields, "why": why}


TEMPLATES: Final = Environment(
    loader=PackageLoader("tasker_sql.server", "html"),
    autoescape=True,
    finalize=shown,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.filters |= {
    "block": block,
    "failure": lambda error: block("\n".join(error_lines(error))),
    "brief": lambda error: " ".join(error_lines(error)[:1]),
    "whole": lambda text: escape(str(text)),  # not shortened: what goes back to us
}
TEMPLATES.globals |= {"cell": cell, "cure_form": cure_form, "json": dumps}
