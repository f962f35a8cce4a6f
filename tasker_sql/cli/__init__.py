"""The command `tasker-sql`. Each command is one or two calls of the client, and how to show them.

Exit codes: 0 done; 1 the answer is no (refused, not found, invariants violated, a task that did not
complete, work left behind); 2 wrong usage; 3 the database cannot be used; 4 a defect; 130 Ctrl-C.

Nothing is imported before it is needed: a shell asks for completions while somebody types.
"""

from __future__ import annotations

import sys
from typing import Any

from tasker_sql import __version__


def __getattr__(name: str) -> Any:
    if name == "app":
        from tasker_sql.cli.commands import app

        return app
    raise AttributeError(f"module 'tasker_sql.cli' has no attribute {name!r}")


def main() -> None:
    """What the console script runs."""
    if sys.argv[1:] == ["--version"]:
        print(f"tasker-sql {__version__}")
        return
    try:
        from tasker_sql.cli.commands import app

        sys.exit(app(prog_name="tasker-sql"))
    except KeyboardInterrupt:  # while something was imported
        sys.exit(130)
    except Exception as defect:
        from tasker_sql.cli.errors import DEFECT, confess

        confess(defect)
        sys.exit(DEFECT)
