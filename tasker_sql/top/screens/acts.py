"""What operators did."""

from __future__ import annotations

from uuid import UUID

from tasker_sql.top.answers import Act
from tasker_sql.top.questions import MOST
from tasker_sql.top.snapshot import Place, Snapshot, place_of
from tasker_sql.top.table import Column, Row, View, view_of
from tasker_sql.top.words import clock


def acts(seen: Snapshot) -> View:
    """The last that operators did, to what, and why."""
    rows = [_row(one, number) for number, one in enumerate(seen.of(Act))]
    columns = (
        Column("who"),
        Column("did"),
        Column("to", rank=1),
        Column("at", right=True),
        Column("why", stretches=True),
    )
    title = f"what operators did: the last {MOST}" if len(rows) == MOST else "what operators did"
    return view_of(seen, title, columns, rows, "Operators have done nothing yet.")


def _row(one: Act, number: int) -> Row:
    return Row(
        f"act {number} {one.at}",
        (one.session_role, one.verb, _subject(one), one.at, one.reason),
        _about(one),
        _place(one),
    )


def act_row(one: Act) -> Row:
    """One among the events of a step or its task."""
    return Row(
        f"act {one.at} {one.verb}",
        ("operator", one.verb, None, one.at, f"by {one.session_role}: {one.reason}"),
        _about(one),
    )


def _about(one: Act) -> tuple[tuple[str, object], ...]:
    return (
        ("operator", f"{one.session_role} ({one.application})"),
        ("did", one.verb),
        ("to", one.subject),
        ("at", clock(one.at)),
        ("reason", one.reason),
    )


def _subject(one: Act) -> UUID | str:
    try:
        return UUID(one.subject)
    except ValueError:
        return one.subject


def _place(one: Act) -> Place | None:
    """A plan has a uuid, too, but leads nowhere."""
    subject = _subject(one)
    leads = isinstance(subject, UUID) and not one.verb.endswith("_repair")
    return place_of(subject) if leads and isinstance(subject, UUID) else None
