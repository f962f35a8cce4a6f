"""Fixtures and collectors of all tests; the machinery is in the modules of `tests/py/support`.

A test that asks for `server` or `database` runs once on every server: the newest and the oldest,
with `--all` those between, too. With the mark `newest` or `oldest` it runs only there; `--pg 18`
chooses. With `newest_first` it runs on the others with `--all` or `--pg` only: it takes long, and
what it finds there is most often the same. Tests with the mark `slow` run with `--all`, and when
they are named (`file.py::test`).

Every test has a time limit, in which its fixtures end as well: `timeout` in pyproject.toml, or its
own mark; three times that with `--all`, which tries more examples. After it, pytest-timeout fails
the test and shows what all threads are at.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
import servers
import wheels
from pytest_timeout import Settings
from running import client_of
from servers import Server
from sessions import Session, opened
from tap import TapFile

from tasker_sql.client import Client
from tasker_sql.worker.handlers import Registry

SQL = Path(__file__).parent / "sql"
ENDING = 60.0  # seconds that a test that is over its time may take to end
ALARM = pytest.StashKey[tuple[Settings, float]]()  # and until when it waits


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--pg",
        type=int,
        action="append",
        choices=servers.MAJORS,
        help="a major version of PostgreSQL to run on; default: the newest and the oldest",
    )
    parser.addoption(
        "--all",
        action="store_true",
        help="slow tests, too, and all tests on every major version of PostgreSQL",
    )


def pytest_configure(config: pytest.Config) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which jobs in the background ignore
    if hasattr(config, "workerinput"):
        return
    servers.sweep()
    os.environ.pop(servers.MODELS, None)  # of a run that started this one
    if config.getoption("numprocesses"):
        os.environ[servers.MODELS] = str(servers.temporary_folder())


def pytest_sessionstart(session: pytest.Session) -> None:
    majors(session.config)  # are fetched once, before several processes want them


def pytest_unconfigure(config: pytest.Config) -> None:
    servers.close_all()
    if not hasattr(config, "workerinput"):
        if models := os.environ.pop(servers.MODELS, None):
            shutil.rmtree(models)
        servers.sweep()  # what a process of ours left that had to be ended


def asked(config: pytest.Config) -> Sequence[int]:
    """The servers that this run is to use."""
    usual = servers.MAJORS if config.getoption("all") else (servers.NEWEST, servers.OLDEST)
    return config.getoption("pg") or usual


def majors(config: pytest.Config) -> list[int]:
    """Those that there are. On Debian's CI none may be missing: its tests fail and say why."""
    missing_fails = bool(os.environ.get("CI")) and Path("/etc/debian_version").exists()
    return [one for one in asked(config) if missing_fails or servers.why_not(one) is None]


def pytest_report_header(config: pytest.Config) -> list[str]:
    lines = [f"PostgreSQL: {', '.join(map(str, majors(config)))}"]
    for major in asked(config):
        if reason := servers.why_not(major):
            lines.append(f"WARNING: nothing runs on PostgreSQL {major}: {reason}")
    return lines


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if file_path.suffix == ".sql" and SQL in file_path.parents:
        return TapFile.from_parent(parent, path=file_path, majors=majors(parent.config))
    return None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "server" not in metafunc.fixturenames:
        return
    chosen = majors(metafunc.config)
    marked = metafunc.definition.get_closest_marker
    for mark, major in (("newest", servers.NEWEST), ("oldest", servers.OLDEST)):
        if marked(mark):
            chosen = [one for one in chosen if one == major]
    rarely = marked("newest_first") and not metafunc.config.getoption("pg")
    params = [
        pytest.param(
            major,
            id=f"pg{major}",
            marks=[pytest.mark.slow] if rarely and major != servers.NEWEST else [],
        )
        for major in chosen
    ]
    metafunc.parametrize("server", params, indirect=True, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the slow ones out, unless somebody names tests. `--timeout 0` overrules all limits.

    With several processes, files that may take long begin early, so that all end together.
    """
    if not config.getoption("all") and not any("::" in argument for argument in config.args):
        slow = [item for item in items if item.get_closest_marker("slow")]
        items[:] = [item for item in items if not item.get_closest_marker("slow")]
        config.hook.pytest_deselected(items=slow)
    if hasattr(config, "workerinput"):
        longest: dict[Path, float] = {}
        for item in items:
            limit = item.get_closest_marker("timeout")
            longest[item.path] = max(longest.get(item.path, 0.0), limit.args[0] if limit else 0.0)
        count = Counter(item.path for item in items)
        items.sort(key=lambda item: (-longest[item.path], -count[item.path]))
    zero = config.getoption("timeout") == 0
    for item in items if zero or config.getoption("all") else []:
        limit = item.get_closest_marker("timeout")
        seconds = limit.args[0] if limit else float(config.getini("timeout"))
        item.add_marker(pytest.mark.timeout(0 if zero else 3 * seconds), append=False)


# pytest-timeout sets one alarm for a test, which would end pytest where it met its own code, and
# none when a test has failed and its fixtures hang. So each phase of a test gets one, and gets it
# again as long as it does not end.


@pytest.hookimpl(wrapper=True)
def pytest_timeout_set_timer(item: pytest.Item, settings: Settings) -> Iterator[None]:
    result = yield
    if settings.method == "signal":
        item.stash.setdefault(ALARM, (settings, time.monotonic() + settings.timeout))
        signal.setitimer(signal.ITIMER_REAL, settings.timeout, ENDING)
    return result


def limited(item: pytest.Item) -> Iterator[None]:
    """Interrupt a phase of a test when its time is over."""
    if ALARM not in item.stash:
        return (yield)
    settings, ends = item.stash[ALARM]
    left = max(ENDING, ends - time.monotonic())
    item.ihook.pytest_timeout_set_timer(item=item, settings=settings._replace(timeout=left))
    try:
        return (yield)
    finally:
        item.ihook.pytest_timeout_cancel_timer(item=item)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    return (yield from limited(item))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    return (yield from limited(item))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    return (yield from limited(item))


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Server:
    """A running PostgreSQL."""
    return servers.get(request.param)


@pytest.fixture(scope="session")
def thorough(request: pytest.FixtureRequest) -> bool:
    """Whether many random examples are to be tried: with `--all`."""
    return bool(request.config.getoption("all"))


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    return wheels.build(tmp_path_factory.mktemp("wheel"))


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
def client(database: str) -> Iterator[Client]:
    with client_of(database) as client:
        yield client


@pytest.fixture
def registry() -> Registry:
    """Of no handlers yet."""
    return Registry()


@pytest.fixture
def sessions(database: str) -> Iterator[Callable[..., list[Session]]]:
    """Opens sessions on `database`: `a, b = sessions("a", "b")`."""
    with ExitStack() as stack:
        yield lambda *names: stack.enter_context(opened(database, *names))
