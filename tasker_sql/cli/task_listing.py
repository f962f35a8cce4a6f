"""`tasker-sql task list`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final
from uuid import UUID

import typer

from tasker_sql.cli.arguments import Json, Namespace, Template, Watch
from tasker_sql.cli.asking import tell
from tasker_sql.cli.output import Picture, table
from tasker_sql.client import Client
from tasker_sql.rows import ListedTask

AGO: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
PAGE: Final = 1000  # tasks


def add_to(app: typer.Typer) -> None:
    app.command("list")(list_)


def _moment(text: str) -> datetime:
    """A time, or how long ago."""
    try:
        if ago := re.fullmatch(r"(\d+)([smhd])", text):
            return datetime.now(UTC) - timedelta(**{AGO[ago[2]]: int(ago[1])})
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        said = f"{text}: 90s, 15m, 2h or 3d is needed (ago), or ISO 8601: 2026-01-31T17:00Z"
        raise typer.BadParameter(said) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


class State(StrEnum):
    """Of a task."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    BLOCKED_BY_FAILURES = "blocked_by_failures"
    COMPLETE = "complete"
    ERROR = "error"
    CANCELLED = "cancelled"
    RESOLVED_MANUALLY = "resolved_manually"


def list_(
    namespace: Namespace = None,
    template: Template = None,
    state: Annotated[
        State | None,
        typer.Option(metavar="STATE", help=f"In this state: {', '.join(State)}."),
    ] = None,
    tag: Annotated[str | None, typer.Option(help="With this tag.")] = None,
    initiator: Annotated[str | None, typer.Option(help="Asked for by this one.")] = None,
    key: Annotated[str | None, typer.Option(help="With this idempotency key.")] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            parser=_moment,
            metavar="TIME",
            help="Created since: 90s, 15m, 2h or 3d ago, or ISO 8601 (UTC without a zone).",
        ),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(parser=_moment, metavar="TIME", help="Created before, likewise."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 50,
    as_json: Json = False,
    watch: Watch = None,
) -> None:
    """List tasks, newest first.

    Examples:
      tasker-sql task list -n fulfillment --state error --since 2h
      tasker-sql task list --template process_order --limit 5 --json
    """
    given: dict[str, Any] = {"namespace": namespace, "name": template, "state": state, "tag": tag}
    given |= {"initiator": initiator, "idempotency_key": key}
    given |= {"since": since and since.isoformat(), "until": until and until.isoformat()}
    wanted = {name: value for name, value in given.items() if value is not None}

    def draw(found: list[ListedTask]) -> Picture:
        return table(
            ["task", "template", "state", "paused", "created at", "finished at"],
            [
                (
                    *(t.task_uuid, f"{t.namespace}/{t.name}@{t.version}", t.state, t.paused),
                    *(t.created_at, t.finished_at),
                )
                for t in found
            ],
            "no such tasks",
        )

    tell(lambda client: _pages(client, wanted, limit), draw, as_json, watch)


def _pages(client: Client, wanted: dict[str, str], limit: int) -> list[ListedTask]:
    found: list[ListedTask] = []
    before: UUID | None = None
    while len(found) < limit:
        page = client.list_tasks(wanted, min(limit - len(found), PAGE), before)
        found += [task for task in page if task.task_uuid is not None]
        before = page[-1].next_before if page else None
        if before is None:
            break
    return found
