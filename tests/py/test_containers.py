"""The images are built and run: `make containers`, with TASKER_TEST_CONTAINERS=podman or docker.

They share the network of the host, so that no bridge is needed.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
import yaml
from running import client_of, ended, step_named, template, wait_for
from servers import rows

from tasker_sql.client import Client

ROOT: Final = Path(__file__).parents[2]
ENGINE: Final = os.environ.get("TASKER_TEST_CONTAINERS", "")
COMPOSE: Final = {"podman": "podman-compose"}.get(ENGINE, f"{ENGINE} compose")
HOST: Final = ("--network", "host")

asked = pytest.mark.skipif(not ENGINE, reason="`make containers` asks for it")


def test_compose_has_the_database_always_and_the_rest_for_servers() -> None:
    services = yaml.safe_load((ROOT / "docker/compose.yaml").read_text())["services"]
    assert [name for name, one in services.items() if "profiles" not in one] == ["database"]
    assert {tuple(one["profiles"]) for one in services.values() if "profiles" in one} == {
        ("server",)
    }
    for service in services.values():
        if "build" in service:
            assert (ROOT / service["build"]["dockerfile"]).is_file()


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """Calls the engine; what it prints. The images are built before."""
    assert shutil.which(ENGINE), f"there is no {ENGINE}"
    config = tmp_path_factory.mktemp("containers") / "containers.conf"
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    limits = [f"nofile={files}:{files}", "nproc=4096:4096"]  # podman asks for more than it may get
    config.write_text(f"[containers]\ndefault_ulimits = {json.dumps(limits)}\n")
    environment = {**os.environ, "CONTAINERS_CONF": str(config)}

    def call(*arguments: str, code: int = 0, program: str = ENGINE, **more: str) -> str:
        done = subprocess.run(
            [*program.split(), *arguments],
            env={**environment, **more},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, f"{arguments}\n{done.stdout}\n{done.stderr}"
        said = done.stderr.splitlines(keepends=True)  # podman misses systemd, where there is none
        return done.stdout + "".join(line for line in said if not line.startswith('time="'))

    yield call


@pytest.fixture
def start(engine: Callable[..., str]) -> Iterator[Callable[..., str]]:
    """Starts a container, and answers its name; removed at the end."""
    names = []

    def started(name: str, *arguments: str) -> str:
        names.append(f"tasker-try-{name}-{os.getpid()}")
        engine("run", "--detach", *HOST, "--name", names[-1], *arguments)
        return names[-1]

    yield started
    for name in reversed(names):
        engine("rm", "--force", "--volumes", name)


@pytest.fixture
def healthy(engine: Callable[..., str]) -> Callable[[str], bool]:
    """Runs a container's own health check."""

    def check(name: str) -> bool:
        if ENGINE == "docker":
            return engine("inspect", "-f", "{{.State.Health.Status}}", name).strip() == "healthy"
        return not subprocess.run(
            [ENGINE, "healthcheck", "run", name], capture_output=True, check=False
        ).returncode

    return check


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def shareable() -> Iterator[Path]:
    """A folder that others may enter, unlike pytest's."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def url(start: Callable[..., str], healthy: Callable[[str], bool]) -> str:
    """The database of a container."""
    port = free_port()
    name = start(
        *("database", "--env", "POSTGRES_PASSWORD=secret", "--env", f"PGPORT={port}"),
        *("tasker-sql-database", "-c", "fsync=off"),
    )
    wait_for(lambda: healthy(name), "a healthy database")
    return f"postgresql://postgres:secret@127.0.0.1:{port}/tasker"


@asked
def test_a_database_without_a_password_says_what_is_missing(engine: Callable[..., str]) -> None:
    said = engine("run", "--rm", *HOST, "tasker-sql-database", code=1)
    assert said.strip() == (
        "POSTGRES_PASSWORD is not set: choose the password of the user postgres"
    )


@asked
def test_the_image_is_what_a_runner_needs_and_no_more(engine: Callable[..., str]) -> None:
    (found,) = json.loads(engine("inspect", "--type", "image", "tasker-sql"))
    settings: dict[str, Any] = found["Config"]
    assert (settings["User"], settings["StopSignal"]) == ("10001", "SIGTERM")
    check = found.get("Healthcheck") or settings["Healthcheck"]  # of podman, of docker
    assert check["Test"] == ["CMD", "tasker-sql", "runner", "health"]
    look = "exec 2>&1; id -u; command -v pip gcc; touch /opt/tasker-sql/x; ls -d /src"
    command = ("sh", "tasker-sql", "-c", f"{look}; tasker-sql --version")
    said = engine("run", "--rm", *HOST, "--entrypoint", *command)
    lines = said.splitlines()
    assert lines[0] == "10001"
    assert [line.rpartition(": ")[2] for line in lines[1:-1]] == [
        "Permission denied",
        "No such file or directory",
    ], said
    assert lines[-1].startswith("tasker-sql 0.")


SLOW = """
import time
from pathlib import Path
from tasker_sql.handlers import handler

@handler("a")
def a(step):
    Path("/shared/began").touch()
    while not Path("/shared/end").exists():
        time.sleep(0.05)
    return "ended"
"""


@asked
def test_a_runner_upgrades_works_is_healthy_and_drains(
    engine: Callable[..., str],
    start: Callable[..., str],
    healthy: Callable[[str], bool],
    url: str,
    shareable: Path,
) -> None:
    assert rows(url, "select extname::text from pg_extension order by 1") == [
        ("pgmq",),
        ("pgtap",),
        ("plpgsql",),
    ]
    of_the_database = ("--env", f"DATABASE_URL={url}")
    engine("run", "--rm", *HOST, *of_the_database, "tasker-sql", "db", "upgrade")
    app, shared = shareable / "app", shareable / "shared"
    app.mkdir()
    (app / "handlers.py").write_text(SLOW)
    shared.mkdir()
    shared.chmod(0o777)
    name = start(
        *("runner", *of_the_database, "--volume", f"{app}:/app:ro", "--volume"),
        *(f"{shared}:/shared", "tasker-sql", "run", "--handlers", "handlers.py"),
    )
    with client_of(url) as client:
        task = drained(engine, client, name, shared, lambda: healthy(name))
        assert client.get_task(task).state == "complete"
        assert client.check_invariants() == []
        (runner,) = client.known_runners()
    assert runner.state == "stopped"


def drained(
    engine: Callable[..., str],
    client: Client,
    name: str,
    shared: Path,
    healthy: Callable[[], bool],
) -> Any:
    """A task whose step still ran when its runner got SIGTERM."""
    client.register_template(template({"a": []}))
    task = client.create_task("test", "flow").task_uuid
    wait_for((shared / "began").exists, "the handler")
    wait_for(healthy, "a healthy runner")
    assert engine("exec", name, "id", "-u").strip() == "10001"
    engine("kill", "--signal", "TERM", name)
    wait_for(lambda: "stops: waiting for 1 steps" in engine("logs", name), "the drain")
    (shared / "end").touch()
    assert engine("wait", name).strip() == "0"
    assert ended(client, task) == "complete"
    assert step_named(client, task, "a").result == "ended"
    return task


@asked
def test_compose_starts_a_database_and_with_the_profile_a_runner(
    engine: Callable[..., str],
) -> None:
    """On networks of its own: nothing but the port of the database is open to this machine."""
    assert shutil.which(COMPOSE.split()[0]), f"there is no {COMPOSE}: pip install podman-compose"
    port, project = free_port(), f"tasker-try-{os.getpid()}"

    def compose(*arguments: str) -> str:
        file = ("--file", str(ROOT / "docker/compose.yaml"), "--project-name", project)
        return engine(*file, *arguments, program=COMPOSE, POSTGRES_PORT=str(port))

    url = f"postgresql://postgres:tasker@127.0.0.1:{port}/tasker"
    try:
        compose("up", "--detach", "--no-build")
        wait_for(lambda: answers(url), "the database", 90)
        assert "runner" not in compose("ps")
        compose("--profile", "server", "up", "--detach", "--no-build")
        wait_for(lambda: has_runner(url), "the runner", 90)
        with client_of(url) as client:
            client.register_template(template({"square": []}))
            task = client.create_task("test", "flow", {"number": 6}).task_uuid
            assert ended(client, task) == "complete"
            assert step_named(client, task, "square").result == {"value": 36}
    finally:
        compose("--profile", "server", "down", "--volumes")


def answers(url: str) -> bool:
    try:
        return rows(url, "select 1") == [(1,)]
    except psycopg.OperationalError:
        return False


def has_runner(url: str) -> bool:
    try:
        return rows(url, "select count(*) from tasker.known_runners where is_live") == [(1,)]
    except psycopg.Error:
        return False
