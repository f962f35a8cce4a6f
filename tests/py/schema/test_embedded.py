"""The private server: found, created, started once, found again, and never lost."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from servers import rows, temporary_folder

from tasker_sql.schema import database, embedded
from tasker_sql.schema.embedded import EmbeddedError, EmbeddedServer

FAST = {"fsync": "off", "shared_buffers": "16MB"}
IS_ROOT = os.geteuid() == 0


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder; a server with its data below it is stopped at the end."""
    made = temporary_folder()
    yield made
    for file in made.glob("**/postmaster.pid"):
        EmbeddedServer(file.parent).stop("immediate")
    shutil.rmtree(made)


def postmaster(server: EmbeddedServer) -> int:
    return int((server.data_dir / "postmaster.pid").read_text().splitlines()[0])


def kill(server: EmbeddedServer) -> None:
    """Kill the main process and wait until it is gone."""
    pid = postmaster(server)
    os.kill(pid, signal.SIGKILL)
    while server.running:
        pass


def elsewhere(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Another Python process."""
    prologue = "import os, signal, sys; from pathlib import Path;"
    prologue += " from tasker_sql.schema.embedded import *;"
    command = [sys.executable, "-c", f"{prologue} FAST = {FAST}; {code}", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_starts_once_stops_and_keeps_its_data(folder: Path) -> None:
    server = EmbeddedServer(folder / "data", FAST)
    assert not server.running
    server.start()
    server.ensure_database("tasker")
    server.ensure_database("tasker")
    rows(server.url(), "create table kept as select 42 as answer")
    first = postmaster(server)
    EmbeddedServer(folder / "data").start()
    assert postmaster(server) == first

    server.stop()
    server.stop()
    assert not server.running
    with pytest.raises(psycopg.OperationalError):
        rows(server.url(), "select 1")
    with server:
        assert rows(server.url(), "select answer from kept") == [(42,)]
    assert not server.running


def test_the_database_speaks_utf8_and_uses_the_settings(folder: Path) -> None:
    quoted = {"cluster_name": "it's a \\ test"}
    with EmbeddedServer(folder / "data", {**FAST, **quoted}) as server:
        shown = "select current_setting(%s)"
        assert rows(server.url("postgres"), shown, "server_encoding") == [("UTF8",)]
        assert rows(server.url("postgres"), shown, "fsync") == [("off",)]
        assert rows(server.url("postgres"), shown, "cluster_name") == [("it's a \\ test",)]
        assert rows(server.url("postgres"), shown, "listen_addresses") == [("",)]
        assert rows(server.url("postgres"), "select lower('ÄÖÜ')") == [("äöü",)]


def test_survives_the_death_of_the_process_that_started_it(folder: Path) -> None:
    code = "EmbeddedServer(Path(sys.argv[1]), FAST).start(); os.kill(os.getpid(), signal.SIGKILL)"
    with elsewhere(code, folder / "data") as starter:
        assert starter.wait(60) == -signal.SIGKILL
    server = EmbeddedServer(folder / "data")
    assert server.running
    first = postmaster(server)
    server.start()
    assert postmaster(server) == first


def test_many_processes_start_one_server(folder: Path) -> None:
    code = """
s = EmbeddedServer(Path(sys.argv[1]), FAST); s.start(); s.ensure_database("tasker")
print((s.data_dir / "postmaster.pid").read_text().split()[0])
"""
    starters = [elsewhere(code, folder / "data") for _ in range(4)]
    pids = [starter.communicate(timeout=60)[0].strip() for starter in starters]
    assert [starter.returncode for starter in starters] == [0] * 4
    assert set(pids) == {str(postmaster(EmbeddedServer(folder / "data")))}


def test_recovers_after_a_crash(folder: Path) -> None:
    server = EmbeddedServer(folder / "data", FAST)
    server.start()
    rows(server.url("postgres"), "create table kept as select 42 as answer")
    busy = "select 'computing', count(*) from generate_series(1, 5000000)"
    with ThreadPoolExecutor() as thread:
        outliving = thread.submit(rows, server.url("postgres"), busy)
        seen = "select pid from pg_stat_activity where query like 'select ''computing%'"
        while not outliving.done() and not rows(server.url("postgres"), seen):
            pass
        kill(server)
        assert not outliving.done()  # its process still holds the memory that a new server needs
        server.start()
        outliving.exception()  # or its result: whichever came first
    assert rows(server.url("postgres"), "select answer from kept") == [(42,)]


def test_a_reused_process_number_does_not_look_like_a_server(folder: Path) -> None:
    server = EmbeddedServer(folder / "data", FAST)
    server.start()
    pid_file = server.data_dir / "postmaster.pid"
    first, left = postmaster(server), pid_file.read_text()
    kill(server)
    pid_file.write_text(left.replace(str(first), str(os.getpid()), 1))  # as after a reboot
    socket_lock = server.data_dir / ".s.PGSQL.5432.lock"
    socket_lock.write_text(socket_lock.read_text().replace(str(first), str(os.getpid()), 1))
    assert not server.running
    server.start()
    assert rows(server.url("postgres"), "select 1") == [(1,)]


@pytest.mark.parametrize("name", ["it's 100% of $HOME, ünï", 'say "x"'])
def test_any_path_will_do(folder: Path, name: str) -> None:
    with EmbeddedServer(folder / name / "data", FAST) as server:
        assert rows(server.url("postgres"), "select 1") == [(1,)]
        assert server.psql
        psql = subprocess.run([server.psql, "-XAtc", "select 2", server.url("postgres")],
                              capture_output=True, text=True, check=True)  # fmt: skip
        assert psql.stdout == "2\n"


def test_a_long_path_gets_a_short_socket(folder: Path) -> None:
    server = EmbeddedServer(folder / ("x" * 100) / "data", FAST)
    with server:
        assert rows(server.url("postgres"), "select 1") == [(1,)]
        assert oct(server._socket_dir.stat().st_mode)[-3:] == "700"
    assert not server._socket_dir.exists()
    server._socket_dir.mkdir(mode=0o755)  # somebody else was there first
    owner = server.data_dir.stat()
    os.chown(server._socket_dir, owner.st_uid, owner.st_gid)
    with pytest.raises(EmbeddedError, match="not ours alone"):
        server.start()
    server._socket_dir.rmdir()


def test_a_killed_initdb_is_made_good(folder: Path) -> None:
    (folder / ".data.new").mkdir()
    (folder / ".data.new" / "PG_VERSION").write_text("18\n")
    with EmbeddedServer(folder / "data", FAST) as server:
        assert rows(server.url("postgres"), "select 1") == [(1,)]
    assert not (folder / ".data.new").exists()


def test_listens_on_its_socket_only(folder: Path) -> None:
    with EmbeddedServer(folder / "one", FAST) as server:
        addresses = "select current_setting('listen_addresses'), inet_server_addr()"
        assert rows(server.url("postgres"), addresses) == [("", None)]


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"shared_buffers": "plenty"}, "shared_buffers"), ({"a = b\n": "c"}, "not a setting")],
)
def test_says_why_it_did_not_start(folder: Path, settings: dict[str, str], said: str) -> None:
    with pytest.raises(EmbeddedError, match=said):
        EmbeddedServer(folder / "data", settings).start()


def test_says_what_is_wrong_with_a_data_directory(folder: Path) -> None:
    (folder / "data").mkdir()
    with pytest.raises(EmbeddedError, match="not a PostgreSQL data directory"):
        EmbeddedServer(folder / "data").start()
    (folder / "data" / "PG_VERSION").write_text("14\n")
    with pytest.raises(EmbeddedError, match=r"made by PostgreSQL 14, .* set TASKER_PG_BIN"):
        EmbeddedServer(folder / "data").start()


def test_says_what_is_wrong_with_the_programs(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TASKER_PG_BIN", str(folder))
    with pytest.raises(EmbeddedError, match="no program `postgres`"):
        EmbeddedServer(folder / "data").start()
    (folder / "postgres").write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 14.9'\n")
    (folder / "postgres").chmod(0o755)
    with pytest.raises(EmbeddedError, match="holds PostgreSQL 14; 15 is the oldest"):
        EmbeddedServer(folder / "data").start()


def test_the_server_without_a_folder_lives_in_tasker_home(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TASKER_HOME", str(folder / "home"))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    dsn = database.dsn()
    assert rows(dsn, "select current_database()::text") == [("tasker",)]
    assert EmbeddedServer().data_dir == folder / "home" / "postgres"
    assert EmbeddedServer().running


@pytest.mark.parametrize(
    ("given", "understood"),
    [
        ("postgresql://u@h/d", "postgresql://u@h/d"),
        ("postgresql+psycopg://u@h/d", "postgresql://u@h/d"),
        ("postgres+psycopg2://u@h/d", "postgres://u@h/d"),
        (" host=h dbname=d ", "host=h dbname=d"),
    ],
)
def test_database_url_comes_first(
    given: str, understood: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", given)
    assert database.dsn() == understood


@pytest.mark.skipif(not IS_ROOT, reason="only root has to give up its rights")
@pytest.mark.parametrize("name", ["tasker.conf", "postgresql.auto.conf"])
def test_writes_through_no_link(folder: Path, name: str) -> None:
    """A user who can do anything in the data directory makes the next start write nowhere else."""
    victim = folder / "victim"
    victim.write_text("# of root\n")
    server = EmbeddedServer(folder / "data", FAST)
    server.start()
    server.stop()
    (server.data_dir / name).unlink()
    (server.data_dir / name).symlink_to(victim)
    server.start()
    assert victim.read_text() == "# of root\n"
    assert (server.data_dir / name).is_symlink() == (name == "postgresql.auto.conf")
    assert rows(server.url("postgres"), "select 1") == [(1,)]


def test_reads_through_no_link(folder: Path) -> None:
    """Nor does it tell what is in a file that a link names."""
    secret = folder / "secret"
    secret.write_text("12345\nhush\nhush\n")
    server = EmbeddedServer(folder / "data", FAST)
    server.start()
    server.stop()
    for name in ("server.log", "PG_VERSION", "postmaster.pid"):
        kept = server.data_dir / f"{name}.kept"
        if (server.data_dir / name).exists():
            (server.data_dir / name).rename(kept)
        (server.data_dir / name).symlink_to(secret)
        try:
            EmbeddedServer(folder / "data", {**FAST, "work_mem": "nonsense"}).start()
        except EmbeddedError as error:
            assert "hush" not in str(error) and "12345" not in str(error)
        (server.data_dir / name).unlink(missing_ok=True)
        if kept.exists():
            kept.rename(server.data_dir / name)


class TestAsRoot:
    """PostgreSQL refuses to run as root."""

    def test_the_server_runs_as_somebody_else(self, folder: Path) -> None:
        with EmbeddedServer(folder / "data", FAST) as server:
            assert Path(f"/proc/{postmaster(server)}").stat().st_uid != 0

    def test_a_private_folder_is_refused_with_advice(self, folder: Path) -> None:
        folder.chmod(0o700)
        with pytest.raises(EmbeddedError, match=r"cannot enter .* set TASKER_HOME"):
            EmbeddedServer(folder / "data", FAST).start()
        assert not list(folder.glob(".data.new"))

    def test_programs_in_a_private_folder_are_copied(self, folder: Path) -> None:
        installation = embedded.find_bin_dir().parent
        private = folder / "private" / installation.parent.name / installation.name
        shutil.copytree(installation, private, ignore=shutil.ignore_patterns("include"))
        libraries = installation.parent.with_name(f"{installation.parent.name}.libs")
        shutil.copytree(libraries, folder / "private" / libraries.name)
        (folder / "private").chmod(0o700)
        server = EmbeddedServer(folder / "data", FAST, private / "bin")
        copied = server._programs.folder
        try:
            with server:
                assert rows(server.url("postgres"), "select 1") == [(1,)]
                assert folder not in copied.parents
        finally:
            shutil.rmtree(copied.parents[2])

    def test_an_ordinary_user_needs_no_root(self, folder: Path) -> None:
        shared = EmbeddedServer(folder / "data")._programs.folder  # where anybody can run them
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)

        def as_nobody() -> None:
            os.setgroups([])
            os.setgid(nobody.pw_gid)
            os.setuid(nobody.pw_uid)
            with EmbeddedServer(folder / "data", FAST, shared) as server:
                assert rows(server.url("postgres"), "select 1") == [(1,)]
                assert server.data_dir.stat().st_uid == nobody.pw_uid

        assert in_child(as_nobody) == 0


def in_child(work: Callable[[], Any]) -> int:
    """Run a function in a fork of this process, which has imported all it needs; its exit code."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of fork beside threads: none is used
        pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException as error:
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
