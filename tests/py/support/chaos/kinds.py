"""What a kind of fault is, and the list of all kinds."""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import servers
from servers import Server

if TYPE_CHECKING:
    from chaos.arena import Arena

KINDS: dict[str, type[Fault]] = {}


class Fault(ABC):
    """A kind of fault. A subclass with a name is one of `KINDS`."""

    name: ClassVar[str] = ""
    own_server: ClassVar[bool] = False  # it needs a server that serves no other episode
    alone: ClassVar[bool] = False  # no episode may have two such kinds: they share a proxy, or so
    rate: ClassVar[float] = 1.0  # how many land while one of the usual kind does
    settings: ClassVar[Mapping[str, str]] = {}  # of that server

    def __init_subclass__(cls) -> None:
        if cls.name:
            KINDS[cls.name] = cls

    @classmethod
    def is_alone(cls) -> bool:
        return cls.alone or cls.own_server

    def server(self) -> Server:
        """A new server for the episode, if it needs its own; the episode closes it."""
        return Server(servers.MAJORS[0], self.settings)

    def prepare(self, arena: Arena) -> None:  # noqa: B027
        """Called when the database is there and nobody is connected yet."""

    @abstractmethod
    def run(self, arena: Arena, count: int) -> None:
        """Inject faults until `count` of them have landed. Runs in a thread of its own.

        Work is there all the time that it takes. Raises when a fault cannot be made to land.
        """

    def clean_up(self, arena: Arena) -> None:  # noqa: B027
        """Called after the last process has ended."""


def load() -> dict[str, type[Fault]]:
    """All kinds: every module `faults_*` of this package defines some."""
    package = importlib.import_module("chaos")
    for module in pkgutil.iter_modules(package.__path__):
        if module.name.startswith("faults_"):
            importlib.import_module(f"chaos.{module.name}")
    return KINDS
