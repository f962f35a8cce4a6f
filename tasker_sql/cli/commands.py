"""A command and its help: examples, `--watch` without a value, and how it ends on an error."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

from tasker_sql.cli.arguments import WATCH_EVERY
from tasker_sql.cli.errors import INTERRUPTED, KNOWN_ERRORS, confess, explain

F = TypeVar("F", bound=Callable[..., Any])


class DebugMode:
    on = False


debug_mode: Final = DebugMode()


class Commands(typer.Typer):
    """A group of commands, each of which has examples."""

    def __init__(self, **options: Any) -> None:
        super().__init__(no_args_is_help=True, rich_markup_mode=None, **options)

    def command(self, *arguments: Any, **options: Any) -> Callable[[F], F]:
        return super().command(*arguments, **{"cls": Command, **options})


class Command(TyperCommand):
    """Ends its help with its examples, as they are typed: what the docstring has after `Example:`.

    `--watch` takes a value, or none.
    """

    def __init__(self, name: str | None, *, help: str | None = None, **more: Any) -> None:  # noqa: A002
        told, *examples = re.split(r"\n\nExamples?:\s*", help or "", maxsplit=1)
        super().__init__(name, help=told, **more)
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
    """Turns exceptions of any command into messages and exit codes."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        _write(formatter, "First steps", (self.epilog or "").splitlines())

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # nobody reads on: typer ends quietly
            raise
        except KNOWN_ERRORS as error:
            if debug_mode.on:
                confess(error)
            raise typer.Exit(explain(error)) from error
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
