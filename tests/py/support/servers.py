"""The PostgreSQL servers that the tests run on: private, in temporary folders, without fsync."""

from __future__ import annotations

import atexit
import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import downloads
import psycopg

from tasker_sql.schema import migrations as schema
from tasker_sql.schema.embedded import EmbeddedServer, find_bin_dir
from tasker_sql.testing.databases import remove_left

NEWEST, OLDEST = 18, downloads.OLD_MAJOR
MAJORS = (NEWEST, *sorted(downloads.BETWEEN, reverse=True), OLDEST)
PREFIX = "tasker-sql-test-"

# In memory, where there is room, a database is made in 0.01 s instead of 0.3 s.
MEMORY = Path("/dev/shm")
ROOM = 4_000_000_000  # bytes

SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "128MB",
    "autovacuum": "off",  # nothing may happen that a test did not ask for
    "log_min_messages": "fatal",
}


def temporary_folder() -> Path:
    """A new folder that the account which runs PostgreSQL for root can enter, unlike pytest's."""
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=base()))
    folder.chmod(0o755)
    return folder


def _add_pgtap(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("create schema tap; set local search_path = tap")
        connection.execute(downloads.pgtap().encode())


def _programs(major: int) -> Path | None:
    """The folder of its programs; nothing for those that we depend on anyway."""
    if major == NEWEST:
        return None
    return downloads.old_bin_dir() if major == OLDEST else downloads.bin_dir_between(major)


_running: list[Server] = []


def base() -> Path:
    in_memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM
    return MEMORY if in_memory else Path(tempfile.gettempdir())


class Server:
    """A running server, and new databases on it, copied from templates."""

    def __init__(self, major: int, more: Mapping[str, str] = MappingProxyType({})) -> None:
        self.major = major
        settings = {**SETTINGS, **more}
        if major == OLDEST:
            wanted = more.get("shared_preload_libraries", "plpgsql")
            settings["shared_preload_libraries"] = f"{wanted},plpgsql_check"
        self.embedded = EmbeddedServer(temporary_folder() / "data", settings, _programs(major))
        try:
            self.embedded.start()
            self.admin = psycopg.connect(self.embedded.url("postgres"), autocommit=True)
        except BaseException:  # a test that is over its time, say
            self._remove()
            raise
        atexit.register(self.close)
        self._numbers = itertools.count(1)
        self._templates: dict[str, str | None] = {}

    @property
    def name(self) -> str:
        return f"pg{self.major}"

    @contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """The URL of a new database, dropped at the end whoever is still connected."""
        name = f"test_{next(self._numbers)}"
        self.create(name, template)
        try:
            yield self.embedded.url(name)
        finally:
            self.admin.execute(f"drop database {name} with (force)".encode())

    def create(self, name: str, template: str = "template1") -> None:
        copy = f"create database {name} template {template} strategy file_copy"
        self.admin.execute(copy.encode())

    @property
    def migrated(self) -> str:
        """The name of a database at head, for a template."""
        return self._template("migrated", "template1", schema.upgrade)

    @property
    def with_pgtap(self) -> str:
        """The name of a database at head that has pgTAP in the schema `tap`, for a template."""
        return self._template("with_pgtap", self.migrated, _add_pgtap)

    def _template(self, name: str, base: str, fill: Callable[[str], None]) -> str:
        """Make a database once. Where that fails, it fails at once the next time, and alike."""
        if name not in self._templates:
            self._templates[name] = None
            self.create(name, base)
            try:
                fill(self.embedded.url(name))
            except Exception as error:
                self._templates[name] = f"{type(error).__name__}: {error}"
                raise
        if reason := self._templates[name]:
            raise RuntimeError(f"the template {name} could not be made: {reason}")
        return name

    def close(self) -> None:
        atexit.unregister(self.close)
        self.admin.close()
        self._remove()

    def _remove(self) -> None:
        self.embedded.stop("immediate")
        shutil.rmtree(self.embedded.data_dir.parent, ignore_errors=True)


def psql(dsn: str, *options: str, script: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run psql, bare and quiet, on a file or on a script; it stops at the first error."""
    return subprocess.run(
        [find_bin_dir() / "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", dsn, *options],
        env={**os.environ, "PGOPTIONS": "-c search_path=tap,public"},
        input=script,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@cache
def get(major: int) -> Server:
    """The server of that major version, started when it is first needed."""
    server = Server(major)
    _running.append(server)
    return server


@cache
def why_not(major: int) -> str | None:
    """Why there is no server of this major version here; nothing when there is."""
    try:
        _programs(major)
    except downloads.UnavailableError as error:
        return str(error)
    return None


def close_all() -> None:
    """Stop what `get` started."""
    for server in _running:
        server.close()
    _running.clear()


def sweep() -> None:
    """Stop and remove what a killed run of the tests left behind."""
    remove_left(base(), PREFIX)


def rows(dsn: str, query: str, *arguments: Any) -> list[tuple[Any, ...]]:
    """The rows of one statement over a connection of its own, committed."""
    with psycopg.connect(dsn) as connection:
        return fetched(connection.execute(query.encode(), arguments or None))


def fetched(cursor: psycopg.Cursor[Any]) -> list[tuple[Any, ...]]:
    """The rows of a statement; none for one that is no query. A row without columns is a row."""
    if cursor.description:
        return cursor.fetchall()
    selected = (cursor.statusmessage or "").startswith("SELECT")
    return [()] * cursor.rowcount if selected else []
