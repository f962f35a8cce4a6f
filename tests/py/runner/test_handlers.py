"""Handlers are loaded, loaded again, and kept from harming anything but their own steps."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from running import SECONDS, client_of, ended, process, step_named, template, wait_for
from servers import rows

from tasker_sql.client import Client
from tasker_sql.rows import CreatedTask
from tasker_sql.worker import handlers
from tasker_sql.worker.handlers import Registry, Sources

Write = Callable[[str, str], str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file, and answers its path."""

    def written(name: str, text: str) -> str:
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(textwrap.dedent(text))
        return str(file)

    return written


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    """What `@handler` registers with."""
    registry = Registry()
    monkeypatch.setattr(handlers, "default_registry", registry)
    monkeypatch.setattr(handlers, "handler", registry.handler)
    return registry


def answer(registry: Registry, name: str) -> object:
    found = registry.find(name)
    assert found
    return found.function(None)


NEXT = """
from tasker_sql.worker.handlers import handler

@handler("{name}")
def {name}(step):
    return "{answer}"
"""


class TestLoading:
    def test_a_file_is_loaded_again(self, registry: Registry, write: Write) -> None:
        sources = Sources([write("one.py", NEXT.format(name="a", answer="old"))], registry)
        sources.load()
        first = registry.find("a")
        assert first and answer(registry, "a") == "old"
        write("one.py", NEXT.format(name="a", answer="renewed"))
        sources.load()
        assert (answer(registry, "a"), first.function(None)) == ("renewed", "old")

    def test_a_package_is_loaded_again_with_all_its_modules(
        self, registry: Registry, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What runs goes on in the old modules, whose globals stay."""
        monkeypatch.syspath_prepend(tmp_path)
        write("shop/__init__.py", "")
        write("shop/prices.py", "def price(): return 'low'")
        write("shop_tax.py", "RATE = 'a tenth'")
        write(
            "shop/steps.py",
            """
            from tasker_sql.worker.handlers import handler
            from shop import prices
            import shop_tax, json

            @handler("a")
            def a(step):
                return prices.price(), shop_tax.RATE, json
            """,
        )
        sources = Sources(["shop.steps"], registry)
        sources.load()
        first = registry.find("a")
        import json

        assert answer(registry, "a") == ("low", "a tenth", json)
        write("shop/prices.py", "def price(): return 'higher'")
        write("shop_tax.py", "RATE = 'a fifth of it'")
        sources.load()
        assert answer(registry, "a") == ("higher", "a fifth of it", json)
        assert first and first.function(None) == ("low", "a tenth", json)
        for name in ("shop", "shop.prices", "shop.steps", "shop_tax"):
            del sys.modules[name]

    def test_a_handler_that_is_gone_is_gone_and_others_stay(
        self, registry: Registry, write: Write
    ) -> None:
        registry.handler("mine")(lambda _: None)
        sources = Sources([write("one.py", NEXT.format(name="a", answer="old"))], registry)
        sources.load()
        write("one.py", NEXT.format(name="bee", answer="old"))
        sources.load()
        assert registry.names == ["bee", "mine"]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("import no_such_thing", "No module named 'no_such_thing' (.*one.py, line 1)"),
            ("x = 1\n1 / 0", "ZeroDivisionError: division by zero (.*one.py, line 2)"),
            ("def f(:", "SyntaxError: invalid syntax (one.py, line 1)"),
            ("import sys\nsys.exit(3)", "it calls sys.exit(3) (.*one.py, line 2)"),
            (
                NEXT.format(name="mine", answer=""),
                ".*one.py:4: the name 'mine' is taken by the handler at .*test_handlers.py:\\d+",
            ),
        ],
        ids=["import", "error", "syntax", "exit", "taken"],
    )
    def test_what_cannot_be_loaded_is_said_and_changes_nothing(
        self, registry: Registry, write: Write, text: str, message: str
    ) -> None:
        registry.handler("mine")(lambda _: None)
        good = write("other.py", NEXT.format(name="b", answer="old"))
        file = write("one.py", NEXT.format(name="a", answer="old"))
        sources = Sources([good, file], registry)
        sources.load()
        write("other.py", NEXT.format(name="b", answer="new and good"))
        write("one.py", text)
        known = dict(sys.modules)
        wanted = f"{file} cannot be loaded: {message}".replace("(", r"\(").replace(")", r"\)")
        with pytest.raises(ImportError, match=f"^{wanted}$"):
            sources.load()
        assert registry.names == ["a", "b", "mine"]
        assert (answer(registry, "a"), answer(registry, "b")) == ("old", "old")
        assert dict(sys.modules) == known

    def test_a_file_that_there_is_not(self, registry: Registry) -> None:
        with pytest.raises(ImportError, match=r"nowhere.py cannot be loaded: FileNotFound"):
            Sources(["nowhere.py"], registry).load()


@pytest.fixture
def client(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.setenv("TASKER_ENV", "test")
    with client_of(database) as client:
        yield client


SLOW = """
import time
from pathlib import Path
from tasker_sql.worker.handlers import handler

HERE = Path(__file__).parent
CODE = {code!r}

@handler("a")
def a(step):
    if step.context.get("slow"):
        (HERE / "began").touch()
        while not (HERE / "end").exists():
            time.sleep(0.01)
    return CODE
"""


@pytest.mark.newest
class TestSighup:
    def test_new_code_is_for_what_starts_and_nothing_is_lost(
        self, database: str, client: Client, write: Write, tmp_path: Path
    ) -> None:
        """While steps run and wait, a reload, then one that fails, then another."""
        file = write("reloaded.py", SLOW.format(code="first"))
        log = tmp_path / "log"
        client.register_template(template({"a": []}))
        long = client.create_task("test", "flow", {"slow": True}).task_uuid

        def logged(message: str) -> None:
            wait_for(lambda: message in log.read_text(), message)

        def some() -> list[CreatedTask]:
            return list(client.create_tasks("test", "flow", [{}] * 200))

        def codes(tasks: list[CreatedTask]) -> set[object]:
            for task in tasks:
                assert ended(client, task.task_uuid) == "complete"
            return {step_named(client, task.task_uuid, "a").result for task in tasks}

        with log.open("w") as out, process("run", "-m", file, stderr=out) as runner:
            wait_for((tmp_path / "began").exists)
            assert codes(some()) == {"first"}
            write("reloaded.py", SLOW.format(code="second and longer"))
            across = some()
            runner.send_signal(signal.SIGHUP)
            logged("handlers are reloaded: a")
            assert codes(some()) == {"second and longer"}
            assert codes(across) <= {"first", "second and longer"}

            write("reloaded.py", "import no_such_module")
            runner.send_signal(signal.SIGHUP)
            logged("handlers are not reloaded, the old ones go on: ")
            assert "No module named 'no_such_module'" in log.read_text()
            assert codes(some()) == {"second and longer"}

            (tmp_path / "end").touch()
            assert ended(client, long) == "complete"
            assert step_named(client, long, "a").result == "first", "it ran with its old code"
            runner.terminate()
            assert runner.wait(SECONDS) == 0
        assert rows(database, "select max(attempt), count(*) from tasker.steps") == [(1, 801)]
        assert client.check_invariants() == []

    def test_one_that_never_ends_does_not_keep_a_runner_from_stopping(
        self, client: Client, write: Write, tmp_path: Path
    ) -> None:
        file = write("endless.py", NEXT.format(name="a", answer=""))
        log = tmp_path / "log"
        client.create_namespace("test")
        with log.open("w") as out, process("run", "-m", file, stderr=out) as runner:
            wait_for(lambda: "serves it" in log.read_text())
            write("endless.py", f"import time\nopen({str(tmp_path / 'in')!r}, 'w')\ntime.sleep(99)")
            runner.send_signal(signal.SIGHUP)
            wait_for((tmp_path / "in").exists)
            runner.terminate()
            assert runner.wait(SECONDS) == 0


WILD = """
import os, sys, threading, time
from pathlib import Path
from tasker_sql.worker.handlers import handler

kept = []

@handler("leaks")
def leaks(step):
    kept.append([open(os.devnull) for _ in range(20)])
    for _ in range(5):
        threading.Thread(target=time.sleep, args=(99,), daemon=True).start()

@handler("leaks_into_its_session", transactional=True)
def leaks_into_its_session(step, connection):
    connection.execute("set search_path = nowhere")
    connection.execute("set application_name = 'mine'")
    connection.execute("create temp table orders (wrong text)")
    connection.execute("select pg_advisory_lock(1)")

@handler("hangs")
def hangs(step):
    time.sleep(99)

@handler("prints")
def prints(step):
    print("x" * 100_000, flush=True)
    os.write(1, bytes(range(256)))
    sys.stderr.write("no line end")

@handler("exits")
def exits(step):
    sys.exit("bye")

@handler("plain", transactional=True)
def plain(step, connection):
    connection.execute("insert into orders values (%s)", [step.context["n"]])
    return connection.execute("select current_setting('search_path')").fetchone()[0]
"""


HELD = "select from pg_locks where locktype = 'advisory' and objid = 1"


@pytest.mark.newest
class TestIsolation:
    def test_a_handler_harms_only_its_own_step(
        self, database: str, client: Client, write: Write, tmp_path: Path
    ) -> None:
        """One that leaks, hangs, prints or exits, in the same process as others, over and over."""
        rows(database, "create table orders (n integer unique)")
        wild = ["leaks", "leaks_into_its_session", "hangs", "prints", "exits"]
        for name in [*wild, "plain"]:
            client.register_template(template({name: []}, name=name, timeout_seconds=1))
        troubles = [client.create_task("test", name).task_uuid for name in wild * 4]
        plain = client.create_tasks("test", "plain", [{"n": n} for n in range(500)])
        log = tmp_path / "log"
        with (
            log.open("w") as out,
            process("run", "-m", write("wild.py", WILD), stderr=out, stdout=out) as runner,
        ):
            for task in plain:
                assert ended(client, task.task_uuid) == "complete"
            ends = [ended(client, task) for task in troubles]
            wait_for(lambda: not rows(database, HELD), "the end of the advisory locks")
            runner.terminate()
            assert runner.wait(SECONDS) == 0
        assert ends == ["complete", "complete", "error", "complete", "error"] * 4
        found = {step_named(client, task.task_uuid, "plain").result for task in plain}
        assert found == {'"$user", public'}
        assert rows(database, "select count(*), max(n) from orders") == [(500, 499)]
        errors = rows(
            database,
            "select name, error ->> 'type', max(attempt), count(*) from tasker.failed_steps"
            " group by 1, 2 order by 1",
        )
        assert errors == [("exits", "SystemExit", 3, 4), ("hangs", "Timeout", 3, 4)]
        assert client.check_invariants() == []

    def test_a_runner_that_grows_too_big_stops_and_loses_nothing(
        self, client: Client, write: Write
    ) -> None:
        """Each attempt leaks 20 MiB; what is left, another process does."""
        client.register_template(template({"leaks": []}))
        file = write(
            "hoard.py",
            """
            import time
            from tasker_sql.worker.handlers import handler

            kept = []

            @handler("leaks")
            def leaks(step):
                kept.append(bytearray(20 << 20))
                time.sleep(0.2)
            """,
        )
        write("config/orchestration.toml", "most_memory = 300")
        tasks = client.create_tasks("test", "flow", [{}] * 60)
        environment = {**os.environ, "TASKER_CONFIG": str(Path(file).parent / "config")}
        with process("run", "-m", file, env=environment) as runner:
            said = runner.communicate(timeout=SECONDS)[1]
            assert (runner.returncode, "MiB of memory, 300 are allowed" in said) == (0, True)
        assert 0 < len(client.list_tasks({"state": "complete"})) < 60
        with process("run", "-m", file) as runner:
            for task in tasks:
                assert ended(client, task.task_uuid) == "complete"
            runner.terminate()
            assert runner.wait(SECONDS) == 0
        attempts = {step_named(client, task.task_uuid, "leaks").attempt for task in tasks}
        assert attempts == {1}
        assert client.check_invariants() == []

    def test_one_that_ends_the_process_stops_after_its_attempts(
        self, client: Client, write: Write
    ) -> None:
        """What kills its worker runs `max_attempts` times, and the steps beside it run again."""
        client.register_template(template({"dies": []}, name="dies", retry={"max_attempts": 2}))
        client.register_template(template({"plain": []}, name="plain"))
        file = write(
            "deadly.py",
            """
            import os
            from tasker_sql.worker.handlers import handler

            handler("dies")(lambda step: os._exit(9))
            handler("plain")(lambda step: "fine")
            """,
        )
        task = client.create_task("test", "dies").task_uuid
        plain = client.create_tasks("test", "plain", [{}] * 50)
        codes = []
        for _ in range(2):
            with process("run", "-m", file, "--lease", "0.5") as runner:
                codes.append(runner.wait(SECONDS))
        with process("run", "-m", file, "--lease", "0.5") as runner:
            assert ended(client, task) == "error"
            for one in plain:
                assert ended(client, one.task_uuid) == "complete"
            runner.terminate()
            codes.append(runner.wait(SECONDS))
        assert codes == [9, 9, 0]
        assert step_named(client, task, "dies").attempt == 2
        assert client.check_invariants() == []


def test_what_is_installed_comes_before_the_working_directory(tmp_path: Path) -> None:
    """Else a file that somebody leaves there is imported in the place of a library."""
    (tmp_path / "shop.py").write_text("import colorsys\nprint(colorsys.__file__)")
    (tmp_path / "colorsys.py").write_text("raise SystemExit('not this one')")
    done = subprocess.run(
        [
            sys.executable,
            "-P",
            "-c",
            "from tasker_sql.worker import handlers; handlers.load('shop')",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert str(tmp_path) not in done.stdout
