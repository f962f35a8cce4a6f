"""`tasker-sql top`: the dashboard, and its screens for scripts."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any, Final
from uuid import UUID

from rich.table import Table

from tasker_sql.cli.commands import Commands, Json
from tasker_sql.cli.options import argument, option
from tasker_sql.cli.output import Part, console, line, print_csv, print_json, put
from tasker_sql.schema.migrations import ready
from tasker_sql.top import screens, table
from tasker_sql.top.backend import Backend
from tasker_sql.top.queries import QUERIES
from tasker_sql.top.screens import ALONE, TABS
from tasker_sql.top.snapshot import Location, Snapshot, place_of
from tasker_sql.top.table import View

What = Annotated[
    str,
    argument(
        f"{', '.join(ALONE)}; or the uuid of a task or step.",
        lambda incomplete: [screen for screen in ALONE if screen.startswith(incomplete)],
        metavar="[SCREEN]",
    ),
]


app = Commands()


@app.command()
def top(
    what: What = TABS[0],
    interval: Annotated[
        float, option("Seconds between refreshes.", "--interval", "-i", min=0.1)
    ] = 2.0,
    timeout: Annotated[float, option("Seconds that each statement may take.", min=0.01)] = 1.0,
    read_only: Annotated[bool, option("Change nothing.", "--read-only")] = False,
    once: Annotated[bool, option("Print one screen, and end.", "--once")] = False,
    as_json: Json = False,
    as_csv: Annotated[bool, option("Print CSV, for scripts.", "--csv")] = False,
) -> None:
    """Watch the whole system on a dashboard.

    Problems, queues, tasks, claims, workers, failures, the database, and what operators did. `?`
    shows the keys. Before any change it shows the SQL, and asks.

    Example: tasker-sql top problems --once --json
    """
    place = _place(what)
    if (as_json or as_csv) and not once:
        raise ValueError("--json and --csv print one screen: add --once")
    if as_json and as_csv:
        raise ValueError("--json or --csv, not both")
    backend = Backend(ready, timeout)
    try:
        if once:
            _print(backend.read(place), as_json, as_csv)
        elif not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise ValueError("top needs a terminal; --once prints one screen")
        elif console().is_dumb_terminal:
            raise ValueError(
                f"top cannot draw on a terminal whose TERM is {os.environ['TERM']}; --once prints "
                "one screen"
            )
        else:
            from tasker_sql.top.app import Top  # its library takes 0.2 s to import

            Top(backend, place, interval, read_only).run()
    finally:
        backend.close()


def _place(what: str) -> Location:
    if what in ALONE:
        return Location(what)
    try:
        return place_of(UUID(what))
    except ValueError:
        raise ValueError(
            f"no such screen: {what}; there are {', '.join(ALONE)}, and uuids of tasks and steps"
        ) from None


def _print(seen: Snapshot, as_json: bool, as_csv: bool) -> None:
    if as_json:
        answers = {name: seen.answers.get(name) for name in QUERIES[seen.place.screen]}
        print_json({"screen": seen.place.screen, "seconds": seen.seconds, **answers})
        return
    shown = screens.view(seen)
    if as_csv:
        columns = shown.columns
        print_csv(columns, ([row.cells.get(name) for name in columns] for row in shown.rows))
        return
    _print_table(shown)


PIPED: Final = 160  # columns of a table where there is no terminal to ask


def _print_table(shown: View) -> None:
    title: list[Part] = [line((one, "bold")) for one in shown.title.split("\n")]
    if not shown.rows:
        put([*title, shown.empty])
        return
    out = console()
    fits = table.fitted(shown, out.width if out.is_terminal else PIPED)
    grid = Table(box=None, pad_edge=False, padding=(0, table.GAP, 0, 0), header_style="bold")
    for fit in fits:
        justify: Any = "right" if fit.right else "left"
        grid.add_column(fit.name, width=fit.width, justify=justify, no_wrap=True)
    for row in shown.rows:
        grid.add_row(*(table.cell(row, fit, shown.at) for fit in fits))
    put([*title, grid])
