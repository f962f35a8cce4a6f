"""Runners behind a real PgBouncer that pools transactions, set up as docs/operate.md says."""

from __future__ import annotations

import asyncio
import configparser
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import downloads
import psycopg
import pytest
import servers
from psycopg.conninfo import conninfo_to_dict
from running import client_of, configured, ended, running, template, wait_for
from servers import rows
from serving import serving

from tasker_sql.async_client import AsyncClient
from tasker_sql.client import Client, connect
from tasker_sql.config import ConfigError
from tasker_sql.ops.orchestrator import OrchestrationCore
from tasker_sql.top.backend import connected
from tasker_sql.worker.handlers import Registry, Step

pytestmark = pytest.mark.newest

ROOT = Path(__file__).parents[3]
SIZE = 4  # connections to the server


@pytest.fixture
def mode() -> str:
    """What PgBouncer pools."""
    return "transaction"


@pytest.fixture
def bouncer(database: str, mode: str) -> Iterator[str]:
    """The URL of a database behind a PgBouncer. On Debian's CI it may not be missing."""
    try:
        program = downloads.pgbouncer()
    except downloads.UnavailableError as error:
        if os.environ.get("CI") and Path("/etc/debian_version").exists():
            raise
        pytest.skip(str(error))
    page = (ROOT / "docs/operate.md").read_text()
    (text,) = re.findall(r"^```ini\n(\[databases\].*?)^```$", page, re.MULTILINE | re.DOTALL)
    settings = configparser.ConfigParser(interpolation=None)
    settings.read_string(text)
    known = conninfo_to_dict(database)
    folder = servers.temporary_folder()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    place = "host={host} port={port} dbname={dbname}".format(**known)
    settings["databases"]["tasker"] = place
    (folder / "users").write_text('"postgres" ""\n')
    settings["pgbouncer"].update(
        {
            "listen_port": port,
            "auth_type": "trust",
            "auth_file": str(folder / "users"),
            "pool_mode": mode,
            "default_pool_size": str(SIZE),
            "unix_socket_dir": "",
        }
    )
    with (folder / "pgbouncer.ini").open("w") as file:
        settings.write(file)
    for file_ in folder.iterdir():
        file_.chmod(0o644)
    # Root may not run it. The account that runs the server can enter the folder of its socket.
    account = ["-u", Path(str(known["host"])).owner()] if os.geteuid() == 0 else []
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [program, *account, folder / "pgbouncer.ini"], stdout=log, stderr=log
        )
    try:
        url = f"postgresql://postgres@127.0.0.1:{port}/tasker"
        wait_for(lambda: answers(url), "PgBouncer")
        yield url
    finally:
        print((folder / "log").read_text())
        process.kill()
        process.wait()
        shutil.rmtree(folder)


def answers(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def test_many_clients_share_few_connections(database: str, bouncer: str) -> None:
    """Two runners, which have more connections than the server, and all kinds of handlers."""
    rows(database, "create table booked (n integer)")
    rows(
        database,
        "create function counted(jsonb, jsonb) returns jsonb language sql"
        " as $$ select to_jsonb(($1 ->> 'n')::integer) $$",
    )
    registry = Registry()
    registry.handler("plain")(lambda step: step.context["n"])

    @registry.handler("books", transactional=True)
    def books(step: Step, connection: psycopg.Connection[Any]) -> None:
        connection.execute("insert into booked values (%s)", [step.results["plain"]])
        connection.execute("set local search_path = nowhere")

    definition = template({"plain": [], "books": ["plain"], "sql": ["books"]})
    definition["steps"][2]["handler"] = {"sql": "public.counted"}
    most = 0
    with client_of(database) as client:
        client.register_template(definition)
        tasks = client.create_tasks("test", "flow", [{"n": n} for n in range(300)])
        behind = {"database.pgbouncer": True}
        with (
            running(bouncer, registry, ["test"], more=behind, slots=8),
            running(bouncer, registry, ["test"], more=behind, slots=8),
        ):
            for task in tasks:
                assert ended(client, task.task_uuid) == "complete"
                ((now,),) = rows(
                    database,
                    "select count(*) from pg_stat_activity"
                    " where datname = current_database() and application_name like 'tasker-sql/%'",
                )
                most = max(most, now)
            long = client.create_task("test", "flow", {"n": 300})
            waiter = connect(bouncer, "waiter", prepare_threshold=None)
            assert waiter.result(long, timeout=60) == 300, "idle workers poll"
            waiter.close()
        assert 0 < most <= SIZE
        assert rows(database, "select count(*), count(distinct n) from booked") == [(301, 301)]
        assert client.check_invariants() == []


@pytest.mark.parametrize(
    ("mode", "option", "refusal"),
    [
        ("transaction", False, "pools transactions .* start with --pgbouncer"),
        ("transaction", True, None),
        ("session", False, None),
        ("statement", False, "pools statements .* a runner needs transactions"),
        ("statement", True, "pools statements .* a runner needs transactions"),
    ],
)
def test_it_is_recognised_at_the_start(bouncer: str, option: bool, refusal: str | None) -> None:
    core = OrchestrationCore(configured(bouncer, more={"database.pgbouncer": option}))
    with pytest.raises(ConfigError, match=refusal) if refusal else nullcontext():
        core.check()


def test_programs_that_ask_need_no_option(bouncer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They prepare no statements, so none meets that of another on a connection of theirs."""
    monkeypatch.setenv("DATABASE_URL", bouncer)

    async def ask() -> None:
        async with AsyncClient() as client:
            await client.list_namespaces()
            with Client() as program, closing(connected(bouncer, "cli")) as command:
                for _ in range(12):
                    await client.list_namespaces()
                    program.list_namespaces()
                    command.list_namespaces()
                    assert web.get("/v1/tasks").status_code == 200

    with serving(bouncer) as web:
        asyncio.run(ask())


def test_without_the_option_statements_are_missed(bouncer: str) -> None:
    """Why there is an option: prepared statements stay behind on connections of others."""
    clients = [connect(bouncer, f"test {n}") for n in range(2 * SIZE)]
    try:
        with pytest.raises(Exception, match="prepared statement"):
            for _ in range(20):
                for client in clients:
                    client.list_namespaces()
    finally:
        for client in clients:
            client.close()
