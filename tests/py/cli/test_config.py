"""The configuration: where values come from, what is refused, and that every key does something."""

from __future__ import annotations

import hashlib
import json
import logging
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from configuration_page import PAGE, generated
from running import configured
from typer.testing import CliRunner

from tasker_sql import config
from tasker_sql.cli import app
from tasker_sql.config import ConfigError
from tasker_sql.config.settings import Config
from tasker_sql.ops import telemetry
from tasker_sql.ops.orchestrator import OrchestrationCore
from tasker_sql.server.app import Listening, application
from tasker_sql.server.auth import Tokens
from tasker_sql.server.deps import Store

ROOT = Path(__file__).parents[3]

Write = Callable[..., Mapping[str, str]]


@pytest.fixture
def folder(tmp_path: Path) -> Write:
    """Writes files into a folder of its own: the environment variables that name it."""

    def write(environ: Mapping[str, str] | None = None, **files: str) -> Mapping[str, str]:
        for name, text in files.items():
            file = tmp_path / f"{name.replace('__', '/')}.toml"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return {"TASKER_CONFIG": str(tmp_path), **(environ or {})}

    return write


def loaded(environ: Mapping[str, str], path: str) -> tuple[Any, str]:
    given = config.load(environ=environ).given[path]
    return given.value, given.origin


class TestLayers:
    def test_the_url_may_come_from_a_file(self, tmp_path: Path) -> None:
        file = tmp_path / "url"
        file.write_text("postgresql://shop@db/shop\n")
        environ = {"DATABASE_URL_FILE": str(file)}
        assert loaded(environ, "database.url")[0] == "postgresql://shop@db/shop"
        both = environ | {"DATABASE_URL": "postgresql://other"}
        assert loaded(both, "database.url")[0] == "postgresql://other"
        file.unlink()
        with pytest.raises(ConfigError, match=f"DATABASE_URL_FILE is '{file}'.*No such file"):
            config.load(environ=environ)

    def test_the_defaults_give_every_key_and_no_other(self) -> None:
        assert config.packaged().keys() == config.keys().keys()

    @pytest.mark.parametrize("environment", config.environments())
    def test_each_environment_is_valid(self, environment: str) -> None:
        found = config.load(environment=environment, environ={})
        changed = {path for path, given in found.given.items() if "environments" in given.origin}
        assert changed == config.packaged(environment).keys() != set()

    def test_an_environment_overrides_the_defaults(self) -> None:
        path, file = "executor_pools.task_claimer.min", "executor_pools.toml"
        assert loaded({}, path) == (10, f"config/{file}")
        production = {"TASKER_ENV": "production"}
        assert loaded(production, path) == (20, f"config/environments/production/{file}")
        poll = "executor_pools.task_claimer.poll"  # beside it in the same table
        assert loaded(production, poll) == (1000, f"config/{file}")

    def test_ones_own_folder_overrides_what_is_packaged(self, folder: Write) -> None:
        environ = folder(engine="lease = 7", environments__production__engine="lease = 70")
        own = environ["TASKER_CONFIG"]
        assert loaded(environ, "engine.lease") == (7, f"{own}/engine.toml")
        there = loaded({**environ, "TASKER_ENV": "production"}, "engine.lease")
        assert there == (70, f"{own}/environments/production/engine.toml")

    def test_database_url_and_then_the_caller_have_the_last_word(self, folder: Write) -> None:
        environ = folder({"DATABASE_URL": "dbname=of_the_shell"}, database="url = 'dbname=file'")
        assert loaded(environ, "database.url") == ("dbname=of_the_shell", "DATABASE_URL")
        last = config.load({"database.url": "dbname=caller"}, environ=environ, origin="a test")
        assert last.given["database.url"] == config.Given("dbname=caller", "a test")

    def test_arrays_are_replaced(self, folder: Write) -> None:
        environ = folder(
            orchestration="namespaces = ['a', 'b']",
            environments__development__orchestration="namespaces = ['c']",
        )
        assert loaded(environ, "orchestration.namespaces")[0] == ["c"]

    def test_variables_are_expanded(self, folder: Write) -> None:
        environ = folder(
            {"HOST": "db1", "SLOTS": "7", "EMPTY": ""},
            database="url = 'host=${HOST} user=${WHO:-me} dbname=${EMPTY:-x}'\n"
            "pgbouncer='${P:-true}'",
            executor_pools="[task_claimer]\nmin = '${SLOTS}'",
            orchestration="handlers = ['${HOST}.py']",
        )
        assert loaded(environ, "database.url")[0] == "host=db1 user=me dbname=x"
        assert loaded(environ, "executor_pools.task_claimer.min")[0] == 7
        assert loaded(environ, "database.pgbouncer")[0] is True
        assert loaded(environ, "orchestration.handlers")[0] == ["db1.py"]

    def test_what_is_overridden_needs_no_variable(self, folder: Write) -> None:
        environ = folder(engine="lease = '${NO}'", environments__development__engine="lease = 1")
        assert loaded(environ, "engine.lease")[0] == 1


class TestErrors:
    @pytest.mark.parametrize(
        ("file", "text", "message"),
        [
            (
                "engine",
                "lease = 0",
                "engine.lease = 0 is less than 0.1; a number from 0.1 to 86400 seconds is needed",
            ),
            ("engine", "lease = nan", "engine.lease = NaN is more than 86400; a number from"),
            ("engine", "lease = inf", "is more than 86400"),
            ("engine", "lease = true", "engine.lease = true has the wrong type; a number from"),
            ("engine", "lease = '30'", 'engine.lease = "30" has the wrong type'),
            ("engine", "lease = '${LEASE:-x}'", 'engine.lease = "x" has the wrong type'),
            (
                "engine",
                "lease = '${LEASE}'",
                'engine.lease = "${LEASE}" needs the environment variable LEASE, which is not set',
            ),
            ("engine", "lease = '${LEASE'", "has ${ without the name of a variable"),
            ("engine", "two_hop = 1", "two_hop = 1 has the wrong type; true or false is needed"),
            ("engine", "laese = 1", "no key engine.laese (= 1); did you mean engine.lease?"),
            ("engine", "lease = ", "Invalid value (at end of document)"),
            ("engine", "[lease]\nx = 1", "there is no key engine.lease.x"),
            ("motor", "lease = 1", "there is no key motor.lease (= 1); the components are"),
            ("orchestration", "namespaces = 'a'", "an array of texts is needed"),
            ("orchestration", "namespaces = [1]", "namespaces = [1] has the wrong type"),
            ("executor_pools", "task_claimer.min = 1.5", "min = 1.5 has the wrong type"),
            (
                "executor_pools",
                "task_claimer.min = 41",
                "executor_pools.task_claimer.min = 41 is more than config/executor_pools.toml: "
                "executor_pools.task_claimer.max = 40",
            ),
            ("database", "pool_size = 10", "database.pool_size = 10 is less than what executors"),
            ("orchestration", "health.unhealthy_below = 1", "below = 1 is more than config/orch"),
            (
                "telemetry",
                "level = 'loud'",
                'telemetry.level = "loud" is unknown; one of debug, info, warning, error is',
            ),
        ],
    )
    def test_names_file_key_value_and_what_is_right(
        self, folder: Write, file: str, text: str, message: str
    ) -> None:
        environ = folder(**{file: text})
        with pytest.raises(ConfigError) as raised:
            config.load(environ=environ)
        assert str(raised.value).startswith(f"{environ['TASKER_CONFIG']}/{file}.toml: ")
        assert message in str(raised.value)

    def test_names_everything_at_once(self, folder: Write) -> None:
        environ = folder(engine="lease = 0\ntwo_hop = 0", telemetry="loudness = 3")
        with pytest.raises(ConfigError) as raised:
            config.load(environ=environ)
        assert str(raised.value).count("\n") == 2

    def test_an_unknown_environment_or_folder(self) -> None:
        with pytest.raises(ConfigError, match="use one of development, production, test"):
            config.load(environ={"TASKER_ENV": "prod"})
        with pytest.raises(ConfigError, match="TASKER_CONFIG: '/nowhere' is not a directory"):
            config.load(environ={"TASKER_CONFIG": "/nowhere"})

    @pytest.mark.parametrize(
        "url",
        [
            "postgresql://me:s3c@ret@host/db",
            "host=h password=s3cret",
            "host=h password = 's3c\\' ret' dbname=d",
            "postgresql://host/db?password=s3cret&x=1",
        ],
    )
    def test_passwords_are_masked(self, url: str) -> None:
        assert "***" in config.plain(url)
        assert "ret" not in config.plain(url)


class TestCommands:
    def call(self, *arguments: str, environ: Mapping[str, str]) -> tuple[int, str, str]:
        unset = dict.fromkeys(("TASKER_ENV", "TASKER_CONFIG", "DATABASE_URL"))
        done = CliRunner().invoke(app, ["config", *arguments], env={**unset, **environ})
        return done.exit_code, done.stdout, done.stderr

    def test_show_tells_value_unit_and_origin(self, folder: Write) -> None:
        environ = folder({"DATABASE_URL": "postgresql://me:s3cret@h/d"}, engine="lease = 7")
        _, shown, _ = self.call("show", environ=environ)
        line = next(line for line in shown.splitlines() if line.startswith("engine.lease"))
        assert line.split() == [
            *("engine.lease", "7", "seconds"),
            f"{environ['TASKER_CONFIG']}/engine.toml",
        ]
        assert "s3cret" not in shown
        _, as_json, _ = self.call("show", "--json", "engine", environ=environ)
        assert json.loads(as_json)["engine.lease"]["value"] == 7
        assert "database.url" not in as_json

    def test_check_refuses_with_the_exit_code_of_wrong_usage(self, folder: Write) -> None:
        assert self.call("check", environ={})[0] == 0
        code, _, said = self.call("check", environ=folder(engine="lease = 0"))
        assert code == 2
        assert "engine.lease = 0 is less than 0.1" in said

    def test_explain_helps_when_the_configuration_is_wrong(self, folder: Write) -> None:
        code, shown, said = self.call("explain", "engine.lease", environ=folder(engine="lease=0"))
        assert (code, "is less than 0.1" in said) == (0, True)
        assert "From 0.1" not in shown and "a heartbeat" in shown

    def test_explain_does_not_know_everything(self) -> None:
        code, _, said = self.call("explain", "engine.leese", environ={})
        assert (code, "did you mean engine.lease?" in said) == (2, True)

    def test_the_page_in_docs_is_this_one(self) -> None:
        assert PAGE.read_text() == generated(), "run: make configuration"


# For every key: a value that is not the default, and where the difference shows: in objects that
# the other tests run.

Probe = Callable[[Config], Any]


def core(of: Callable[[OrchestrationCore], Any]) -> Probe:
    return lambda settings: of(OrchestrationCore(settings))


def pool(name: str, attribute: str) -> Probe:
    """Of a pool that orchestrates, or of the slots of a worker."""

    def probe(settings: Config) -> Any:
        runner = OrchestrationCore(settings)
        runner._serve("test")
        pools = (one.pool for one in runner.control._all)
        return next(getattr(pool, attribute) for pool in pools if pool.name == name)

    return probe


def breaker(name: str, attribute: str) -> Probe:
    return core(lambda core: getattr(getattr(core.circuits, name), attribute))


def rule(attribute: str) -> Probe:
    return core(lambda core: getattr(core.control._rules, attribute))


def limit(attribute: str) -> Probe:
    return core(lambda core: getattr(core.control.limits, attribute))


def interval(job: str) -> Probe:
    return core(lambda core: {job.__name__: every for every, job in core.control._jobs()}[job])


def registered(settings: Config) -> Any:
    """Whether examples/handlers.py was run."""
    sys.modules.pop("handlers", None)
    OrchestrationCore.from_config(settings)
    return "handlers" in sys.modules


def log_level(settings: Config) -> Any:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        root.handlers.clear()
        telemetry.log_as(settings.telemetry)
        return root.level, type(root.handlers[0].formatter)
    finally:
        root.handlers[:], root.level = handlers, level


def connected(settings: Config) -> Any:
    client = OrchestrationCore(settings)._connect("part")
    with client.transaction() as connection:
        found = connection.info.get_parameters(), connection.prepare_threshold
    client.close()
    return found


def listening(of: Callable[[Any], Any]) -> Probe:
    """Of a server's socket."""

    def probe(settings: Config) -> Any:
        server = Listening(settings)
        with server._socket:
            return of(server)

    return probe


def gate(attribute: str) -> Probe:
    return lambda settings: getattr(
        application(settings).user_middleware[0].kwargs["settings"], attribute
    )


def permits(permission: str) -> Probe:
    return lambda settings: permission in Tokens(settings.auth).permitted("token")


TOKEN = hashlib.sha256(b"token").hexdigest()
POOLS = (
    "task_request_processor",
    "step_result_processor",
    "step_enqueuer",
    "task_finalizer",
    "task_claimer",
)
PROBES: dict[str, tuple[Any, Probe]] = {
    "database.url": ("dbname=after", core(lambda core: core.dsn)),
    "database.connect_timeout": (3, connected),
    "database.pool_size": (99, core(lambda core: core.connections.size + core.handlers.size)),
    "database.pgbouncer": (True, connected),
    "engine.lease": (7, core(lambda core: core.worker._calls.lease)),
    "engine.two_hop": (True, core(lambda core: core.worker._calls.two_hop)),
    "executor_pools.scaling.interval": (7, interval("_scale")),
    "executor_pools.scaling.cooldown": (7, rule("cooldown")),
    "executor_pools.scaling.target_utilization": (0.7, rule("target_utilization")),
    "executor_pools.scaling.most_waiting": (7, rule("most_waiting")),
    "executor_pools.scaling.error_rate": (0.7, rule("error_rate")),
    "executor_pools.scaling.queue_depth": (7, rule("queue_depth")),
    "executor_pools.scaling.queue_age": (7, rule("queue_age")),
    **{f"executor_pools.{name}.min": (2, pool(name, "least")) for name in POOLS},
    **{f"executor_pools.{name}.max": (5, pool(name, "most")) for name in POOLS},
    **{f"executor_pools.{name}.poll": (77, pool(name, "poll")) for name in POOLS},
    **{f"executor_pools.{name}.idle_poll": (7777, pool(name, "idle_poll")) for name in POOLS},
    **{f"executor_pools.{name}.batch": (7, pool(name, "batch")) for name in POOLS},
    **{
        f"circuit_breakers.{name}.{key}": (7, breaker(name, attribute))
        for name in ("database", "queue")
        for key, attribute in (
            ("failures", "failures"),
            ("open_for", "open_seconds"),
            ("successes", "successes"),
        )
    },
    **{
        f"circuit_breakers.web.{key}": (7, lambda settings: vars(Store(settings).circuit))
        for key in ("failures", "open_for", "successes")
    },
    "web.host": ("::1", listening(lambda server: server.url.rpartition(":")[0])),
    "web.port": (18080, listening(lambda server: server.url.endswith(":18080"))),
    "web.pool_size": (7, lambda settings: Store(settings).connections.size),
    "web.timeout": (7, lambda settings: Store(settings).timeout),
    "web.keep_alive": (7, listening(lambda server: server._server.config.timeout_keep_alive)),
    "web.max_body": (7777, gate("max_body")),
    "web.max_requests": (7, gate("max_requests")),
    **{f"auth.{name}": ([TOKEN], permits(name)) for name in ("read", "create", "operate")},
    "orchestration.namespaces": (["a"], core(lambda core: len(core.control._jobs()))),
    "orchestration.handlers": ([str(ROOT / "examples/handlers.py")], registered),
    "orchestration.discover": (7, interval("_discover")),
    "orchestration.heartbeat": (7, interval("_beat")),
    "orchestration.graceful_timeout": (7, core(lambda core: core.graceful)),
    "orchestration.emergency_timeout": (7, core(lambda core: core.emergency)),
    "orchestration.most_memory": (1, core(lambda core: core._is_too_big)),
    "orchestration.health.error_rate": (0.7, limit("error_rate")),
    "orchestration.health.slow": (7, limit("slow")),
    "orchestration.health.stuck": (7, limit("stuck")),
    "orchestration.health.degraded_below": (0.7, limit("degraded_below")),
    "orchestration.health.unhealthy_below": (0.3, limit("unhealthy_below")),
    "telemetry.level": ("debug", log_level),
    "telemetry.format": ("json", log_level),
}


@pytest.mark.newest
@pytest.mark.parametrize("path", config.keys())
def test_every_key_changes_something(database: str, path: str) -> None:
    value, probe = PROBES[path]
    before = probe(configured(database))
    assert probe(configured(database, more={path: value})) != before
