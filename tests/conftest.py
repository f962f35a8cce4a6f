"""Fixtures and collectors of all tests; the machinery is in the modules of `tests/py`.

A test that asks for `server` or `database` runs once on every server; with the mark `newest`,
only on the newest, with `oldest` on the oldest. `pytest --pg 18` leaves the others out.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import servers
from servers import Server
from sessions import Session, opened
from tap import TapFile

SQL = Path(__file__).parent / "sql"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--pg",
        type=int,
        action="append",
        choices=servers.MAJORS,
        help="a major version of PostgreSQL to run on; default: all",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "newest: run on the newest PostgreSQL only")
    config.addinivalue_line("markers", "oldest: run on the oldest, which has plpgsql_check")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which jobs in the background ignore
    servers.sweep()


def pytest_unconfigure() -> None:
    servers.close_all()


def majors(config: pytest.Config) -> list[int]:
    """The servers to run on. On Debian's CI none may be missing: its tests fail and say why."""
    asked = config.getoption("pg") or servers.MAJORS
    missing_fails = bool(os.environ.get("CI")) and Path("/etc/debian_version").exists()
    return [major for major in asked if missing_fails or servers.why_not(major) is None]


def pytest_report_header(config: pytest.Config) -> list[str]:
    lines = [f"PostgreSQL: {', '.join(map(str, majors(config)))}"]
    for major in servers.MAJORS:
        if reason := servers.why_not(major):
            lines.append(f"WARNING: nothing runs on PostgreSQL {major}: {reason}")
    return lines


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if file_path.suffix == ".sql" and SQL in file_path.parents:
        return TapFile.from_parent(parent, path=file_path, majors=majors(parent.config))
    return None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "server" in metafunc.fixturenames:
        chosen = majors(metafunc.config)
        for mark, major in (("newest", servers.MAJORS[0]), ("oldest", servers.MAJORS[-1])):
            if metafunc.definition.get_closest_marker(mark):
                chosen = [one for one in chosen if one == major]
        names = [f"pg{major}" for major in chosen]
        metafunc.parametrize("server", chosen, indirect=True, ids=names, scope="session")


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Server:
    """A running PostgreSQL."""
    return servers.get(request.param)


@pytest.fixture
def empty_database(server: Server) -> Iterator[str]:
    """The URL of a new database with nothing in it."""
    with server.database() as dsn:
        yield dsn


@pytest.fixture
def database(server: Server) -> Iterator[str]:
    """The URL of a new database at head."""
    with server.database(server.migrated) as dsn:
        yield dsn


@pytest.fixture
def sessions(database: str) -> Iterator[Callable[..., list[Session]]]:
    """Opens sessions on `database`: `a, b = sessions("a", "b")`."""
    with ExitStack() as stack:
        yield lambda *names: stack.enter_context(opened(database, *names))
