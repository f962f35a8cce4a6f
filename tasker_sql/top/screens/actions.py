"""What operators did."""

from __future__ import annotations

from uuid import UUID

from tasker_sql.top.queries import MOST
from tasker_sql.top.rows import OperatorAction
from tasker_sql.top.snapshot import Snapshot, place_of
from tasker_sql.top.table import Column, Row, View, details, view_of

COLUMNS = (
    Column("who"),
    Column("did"),
    Column("to", rank=1),
    Column("at", right=True),
    Column("why", stretches=True),
)


def actions(seen: Snapshot) -> View:
    """The last that operators did, to what, and why."""
    rows = [_row(one, number) for number, one in enumerate(seen.of(OperatorAction))]
    title = f"what operators did: the last {MOST}" if len(rows) == MOST else "what operators did"
    return view_of(seen, title, COLUMNS, rows, "Operators have done nothing yet.")


def _row(one: OperatorAction, number: int) -> Row:
    subject: UUID | str = one.subject
    try:
        subject = UUID(one.subject)
    except ValueError:
        leads = False
    else:
        leads = not one.verb.endswith("_repair")  # a plan has a uuid, too, but leads nowhere
    return Row(
        f"action {number} {one.at}",
        (one.session_role, one.verb, subject, one.at, one.reason),
        details(one),
        place_of(UUID(one.subject)) if leads else None,
    )


def action_row(one: OperatorAction) -> Row:
    """One among the events of a step or its task."""
    why = f"by {one.session_role}: {one.reason}"
    return Row(
        f"action {one.at} {one.verb}", ("operator", one.verb, None, one.at, why), details(one)
    )
