"""A server for a run of tests, and a database for each test, copied from one that has the schema.

The server is a private one, in a temporary folder and without fsync; `TASKER_TEST_URL` names
another one, on which its role may create databases.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg
from psycopg.conninfo import make_conninfo

from tasker_sql.schema import database, migrations
from tasker_sql.schema.embedded import EmbeddedServer, is_alive

GIVEN: Final = "TASKER_TEST_URL"
PREFIX: Final = "tasker-sql-pytest-"
SETTINGS: Final = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
}


class Databases:
    """Makes databases on a server, over a URL that may."""

    def __init__(self, url: str, *, private: bool) -> None:
        self._url = url
        self._how = " strategy file_copy" if private else ""  # faster without fsync
        self._numbers = itertools.count(1)
        self._template = self._create("template")
        try:
            migrations.upgrade(self._url_of(self._template))
        except BaseException:
            self.close()
            raise

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of a new database at head, which is dropped at the end."""
        name = self._create(str(next(self._numbers)), f" template {self._template}{self._how}")
        try:
            yield self._url_of(name)
        finally:
            self._run(f"drop database {name} with (force)")

    def close(self) -> None:
        self._run(f"drop database {self._template} with (force)")

    def _create(self, suffix: str, more: str = "") -> str:
        name = f"tasker_test_{os.getpid()}_{suffix}"
        self._run(f"drop database if exists {name} with (force)")  # of a run that was killed
        self._run(f"create database {name}{more}")
        return name

    def _run(self, statement: str) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.add_notice_handler(lambda _: None)
            connection.execute(statement.encode())

    def _url_of(self, name: str) -> str:
        if "://" not in self._url:
            return make_conninfo(self._url, dbname=name)
        return re.sub(r"^(\w+://[^/?]*)(/[^?]*)?", rf"\g<1>/{name}", self._url)


@contextmanager
def opened() -> Iterator[Databases]:
    """Databases on the server that is given, else on one that is started now and ends with this."""
    given = os.environ.get(GIVEN, "").strip()
    if given:
        databases = Databases(database.configured(given) or given, private=False)
        try:
            yield databases
        finally:
            databases.close()
        return
    remove_left(Path(tempfile.gettempdir()), PREFIX)
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
    folder.chmod(0o755)  # the account that runs PostgreSQL for root must enter it
    server = EmbeddedServer(folder / "data", SETTINGS)
    try:
        server.start()
        yield Databases(server.url("postgres"), private=True)
    finally:
        server.stop("immediate")
        shutil.rmtree(folder, ignore_errors=True)


def remove_left(base: Path, prefix: str) -> None:
    """Stop and remove the servers of runs that were killed: folders named by prefix and pid."""
    for folder in base.glob(f"{prefix}*"):
        owner = re.match(rf"{prefix}(\d+)-", folder.name)
        if owner and folder.stat().st_uid == os.geteuid() and not is_alive(int(owner[1])):
            for data in folder.glob("**/postmaster.pid"):
                EmbeddedServer(data.parent).stop("immediate")
            shutil.rmtree(folder, ignore_errors=True)
