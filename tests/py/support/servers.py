"""The PostgreSQL servers that the tests run on: private, in temporary folders, without fsync."""

from __future__ import annotations

import atexit
import fcntl
import itertools
import os
import select
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import downloads
import psycopg
from psycopg.pq import TransactionStatus

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


MODELS = "TASKER_TEST_MODELS"  # the folder that the processes of a run share

EXISTS = "select from pg_database where datname = %s"

_running: list[Server] = []


def base() -> Path:
    in_memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM
    return MEMORY if in_memory else Path(tempfile.gettempdir())


class Server:
    """A running server, and new databases on it, copied from templates."""

    def __init__(
        self, major: int, more: Mapping[str, str] = MappingProxyType({}), *, model: bool = False
    ) -> None:
        self.major = major
        settings = {**SETTINGS, **more}
        if major == OLDEST:
            wanted = more.get("shared_preload_libraries", "plpgsql")
            settings["shared_preload_libraries"] = f"{wanted},plpgsql_check"
        self.embedded = EmbeddedServer(temporary_folder() / "data", settings, _programs(major))
        try:
            if MODELS in os.environ and not model:
                _copy_model(major, self.embedded.data_dir)
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
        """The URL of a new database, dropped at the end, even with sessions connected."""
        name = f"test_{next(self._numbers)}"
        self.create(name, template)
        try:
            yield self.embedded.url(name)
        finally:
            self.drop(name)

    @contextmanager
    def used(self, template: str) -> Iterator[str]:
        """The URL of a database that those have one after the other who leave nothing in it."""
        name = self.template(f"used_{template}", template, lambda _: None)
        try:
            yield self.embedded.url(name)
        except BaseException:  # a test that is over its time may have left something
            self.drop(name)
            raise

    def drop(self, name: str) -> None:
        _lasting.close()
        self.admin.execute(f"drop database {name} with (force)".encode())
        self._templates.pop(name, None)

    def create(self, name: str, template: str = "template1") -> None:
        _lasting.close()  # it may be of the template
        copy = f"create database {name} template {template} strategy file_copy"
        self.admin.execute(copy.encode())

    @property
    def migrated(self) -> str:
        """The name of a database at head, for a template."""
        return self.template("migrated", "template1", schema.upgrade)

    @property
    def with_pgtap(self) -> str:
        """The name of a database at head that has pgTAP in the schema `tap`, for a template."""
        return self.template("with_pgtap", self.migrated, _add_pgtap)

    def template(self, name: str, base: str, fill: Callable[[str], None]) -> str:
        """Make a database once. Where that fails, it fails at once the next time, and alike."""
        if name not in self._templates:
            self._templates[name] = None
            if self.admin.execute(EXISTS, [name]).rowcount:  # in the model
                return name
            self.create(name, base)
            try:
                fill(self.embedded.url(name))
            except Exception as error:
                self.drop(name)
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


def _copy_model(major: int, data_dir: Path) -> None:
    """Begin as the first server of this major version in this run did, with its templates."""
    model = Path(os.environ[MODELS]) / str(major)
    with model.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not model.exists():
            first = Server(major, model=True)
            with suppress(Exception):  # who needs a template meets it again
                first.with_pgtap  # noqa: B018
            first.admin.close()
            first.embedded.stop()
            first.embedded.data_dir.rename(model)
            first.close()
    subprocess.run(["cp", "-a", model, data_dir], check=True)


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


class _Lasting:
    """The connection over which `rows` asks: of the last database, and of this process."""

    def __init__(self) -> None:
        self._key: tuple[str, int] | None = None
        self._connection: psycopg.Connection[Any] | None = None
        atexit.register(self.close)

    def of(self, dsn: str) -> psycopg.Connection[Any]:
        key = (dsn, os.getpid())
        if key != self._key or not (self._connection and _usable(self._connection)):
            self.close()
            self._connection = psycopg.connect(dsn, autocommit=True, prepare_threshold=None)
            self._key = key
        return self._connection

    def close(self) -> None:
        if self._connection and self._key and self._key[1] == os.getpid():
            self._connection.close()
        self._connection = self._key = None


def _usable(connection: psycopg.Connection[Any]) -> bool:
    """Whether it is open and waits for a statement; a server that ends it says so unasked."""
    idle = connection.info.transaction_status is TransactionStatus.IDLE
    return idle and not select.select([connection.fileno()], [], [], 0)[0]


_lasting = _Lasting()


def rows(dsn: str, query: str, *arguments: Any) -> list[tuple[Any, ...]]:
    """The rows of one statement, committed. The main thread keeps its connection for the next."""
    if threading.current_thread() is threading.main_thread():
        return fetched(_lasting.of(dsn).execute(query.encode(), arguments or None))
    with psycopg.connect(dsn) as connection:
        return fetched(connection.execute(query.encode(), arguments or None))


def fetched(cursor: psycopg.Cursor[Any]) -> list[tuple[Any, ...]]:
    """The rows of a statement; none for one that is not a query. A row without columns is a row."""
    if cursor.description:
        return cursor.fetchall()
    selected = (cursor.statusmessage or "").startswith("SELECT")
    return [()] * cursor.rowcount if selected else []
