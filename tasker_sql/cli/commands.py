"""All commands, each imported when it is typed: their help with examples, the options before them,
`--watch` without a value, and how they end on an error."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Annotated, Any, Final, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

from tasker_sql import __version__

F = TypeVar("F", bound=Callable[..., Any])

WATCH_EVERY: Final = 2  # seconds
INTERRUPTED: Final = 130

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Watch = Annotated[
    float | None,
    typer.Option(
        *("--watch", "-w"),
        min=0.1,
        metavar="[SECONDS]",
        help=f"Ask again every so many seconds ({WATCH_EVERY}), until Ctrl-C.",
        show_default=False,
    ),
]

# Each with the module that has it, and what the help says of it.
ROOT: Final[Mapping[str, tuple[str, str]]] = {
    "run": ("orchestrate", "Orchestrate, and run steps, until SIGTERM or Ctrl-C."),
    "serve": ("orchestrate", "Serve HTTP until SIGTERM or Ctrl-C."),
    "sweep": ("orchestrate", "Run one sweep: fire due timers, recover lost steps."),
    "check": ("orchestrate", "Check the invariants."),
    "demo": ("orchestrate", "Run workflows over a year of New York flights."),
    "top": ("top", "Watch the whole system on a dashboard."),
    "status": ("problems", "How the system is, in a paragraph, for people and cron."),
    "problems": ("problems", "What is wrong now, the worst first, each with its cure."),
    "acknowledge": ("problems", "Say that you know of a problem, so that it raises no alarm."),
    "repair": ("dlq", "Do the same to all that match, after a look at them."),
    "dlq": ("dlq", "Dead letters: steps that failed for good."),
    "db": ("database", "The database and its schema."),
    "task": ("tasks", "Tasks: runs of templates."),
    "schedule": ("schedules", "Schedules: what makes tasks by itself, and when."),
    "wait": ("waits", "What waits for people, or for a time: list it, answer it."),
    "step": ("steps", "Why a step waits, and what an operator can do about it."),
    "template": ("templates", "Templates: versioned DAGs."),
    "namespace": ("queues", "Business domains, each with its queues: pause and resume them."),
    "queue": ("queues", "Queues: how full, who serves them, what is in them."),
    "worker": ("workers", "Workers: who does steps, in any language."),
    "runner": ("workers", "Runners: our own processes, with pools and breakers."),
    "config": ("configuration", "What is configured: show, check, explain."),
}


class Options:
    """Those before the command; `timeout` is in seconds."""

    debug = False
    timeout: float | None = None


options: Final = Options()


class Commands(typer.Typer):
    """A group of commands, each of which has examples."""

    def __init__(self, **more: Any) -> None:
        super().__init__(no_args_is_help=True, rich_markup_mode=None, **more)

    def command(self, *arguments: Any, **more: Any) -> Callable[[F], F]:
        return super().command(*arguments, **{"cls": Command, **more})


class Command(TyperCommand):
    """Ends its help with its examples, as they are typed: what the docstring has after `Example:`.

    `--watch` takes a value, or none.
    """

    def __init__(self, name: str | None, *, help: str | None = None, **more: Any) -> None:  # noqa: A002
        text, *examples = re.split(r"\n\nExamples?:\s*", help or "", maxsplit=1)
        super().__init__(name, help=text, **more)
        lines = "\n".join(examples).splitlines()
        self.examples: Final = [line.strip() for line in lines if line.strip()]

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        _write(formatter, "Examples" if len(self.examples) > 1 else "Example", self.examples)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        names = next((param.opts for param in self.params if param.name == "watch"), [])
        found = []
        for place, given in enumerate(args):
            found.append(given)
            value = args[place + 1] if place + 1 < len(args) else ""
            if given in names and not re.fullmatch(r"[\d.]+", value):
                found.append(str(WATCH_EVERY))
        return super().parse_args(ctx, found)


def _write(formatter: Any, title: str, lines: Iterable[str]) -> None:
    """A section of a help with lines that are not folded."""
    with formatter.section(title):
        for line in lines:
            formatter.write(f"{'':{formatter.current_indent}}{line}\n")


class RootGroup(TyperGroup):
    """Imports a command when it is typed, and turns its exceptions into messages and exit codes.

    To list commands, and to complete their names, nothing is imported."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        names = {name: TyperCommand(name, help=meaning) for name, (_, meaning) in ROOT.items()}
        self.commands = {**names, **self.commands}

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if (name := args[0]) in ROOT:
            module = import_module(f"tasker_sql.cli.{ROOT[name][0]}")
            group = typer.main.get_group(module.app)
            self.commands[name] = group.commands.get(name, group)
            self.commands[name].name = name
        return super().resolve_command(ctx, args)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        _write(formatter, "First steps", (self.epilog or "").splitlines())

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # nobody reads on: typer ends quietly
            raise
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
        except Exception as error:
            from tasker_sql.cli.errors import KNOWN_ERRORS, confess, explain

            if not isinstance(error, KNOWN_ERRORS):
                raise
            if options.debug:
                confess(error)
            raise typer.Exit(explain(error)) from error


HELP = """Workflow orchestration where PostgreSQL is the orchestrator.

The database is the one that DATABASE_URL names. Without it, a private PostgreSQL of this user is
created, started and given the schema when it is first needed; with TASKER_ENV=production only if
DATABASE_URL is `private`.

Exit codes: 0 done; 1 the answer is no; 2 wrong usage; 3 the database cannot be used; 4 a defect;
130 Ctrl-C.
"""
EPILOG = """tasker-sql db upgrade
tasker-sql template register workflows/
tasker-sql run --handlers my_handlers.py"""

app = Commands(cls=RootGroup, help=HELP, epilog=EPILOG, pretty_exceptions_enable=False)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"tasker-sql {__version__}")
        raise typer.Exit


@app.callback()
def root(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
    timeout: Annotated[
        float | None, typer.Option(min=0.01, help="Seconds that a call of the database may take.")
    ] = None,
    version: Annotated[  # noqa: ARG001
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    options.debug, options.timeout = debug, timeout
