"""A disk of a few megabytes, which can be filled to the last byte: a tmpfs, mounted by root."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import psycopg
from servers import Server, temporary_folder

MEGABYTES = 96
PAGE = 4096  # bytes

# Little WAL is kept, so that it can be on the disk.
SETTINGS = {"min_wal_size": "32MB", "max_wal_size": "64MB", "wal_recycle": "off"}


@cache
def why_not() -> str | None:
    """Why nothing can be mounted here; nothing when it can."""
    if os.geteuid() != 0:
        return "only root can mount a tmpfs"
    try:
        SmallDisk().close()
    except OSError as error:
        return str(error)
    return None


class SmallDisk:
    """An empty tmpfs; `folder` belongs to the user who runs the server."""

    def __init__(self, megabytes: int = MEGABYTES) -> None:
        self.folder = temporary_folder() / "small"
        self.folder.mkdir()
        size = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0755", "tmpfs"]
        done = subprocess.run([*size, self.folder], capture_output=True, text=True, check=False)
        if done.returncode:
            shutil.rmtree(self.folder.parent)
            raise OSError(f"a tmpfs cannot be mounted: {done.stderr.strip()}")
        self._ballast = self.folder / "ballast"

    @property
    def free(self) -> int:
        """Bytes."""
        return shutil.disk_usage(self.folder).free

    def fill(self) -> None:
        """Leave no page that a file could be extended by."""
        with self._ballast.open("ab") as ballast:
            part = self.free
            while part >= PAGE:
                try:
                    os.posix_fallocate(ballast.fileno(), ballast.seek(0, os.SEEK_END), part)
                except OSError:  # others take their share
                    part //= 2

    def make_room(self) -> None:
        """Take away what `fill` has put there."""
        self._ballast.unlink(missing_ok=True)

    def close(self) -> None:
        subprocess.run(["umount", "-l", self.folder], check=False)
        shutil.rmtree(self.folder.parent, ignore_errors=True)


def put_database(server: Server, database: str, disk: SmallDisk) -> None:
    """Move a database to the disk. Nobody may be connected to it."""
    _own(server, disk.folder)
    with psycopg.connect(server.embedded.url("postgres"), autocommit=True) as connection:
        connection.execute(f"create tablespace small location '{disk.folder}'".encode())
        connection.execute(f"alter database {database} set tablespace small".encode())


def put_wal(server: Server, disk: SmallDisk) -> None:
    """Move the WAL of a server to the disk; the server is restarted."""
    _own(server, disk.folder)
    server.admin.close()
    server.embedded.stop()
    wal = server.embedded.data_dir / "pg_wal"
    moved = disk.folder / "pg_wal"
    shutil.copytree(wal, moved)
    for path in [moved, *moved.rglob("*")]:
        _own(server, path)
    shutil.rmtree(wal)
    wal.symlink_to(moved)
    server.embedded.start()
    server.admin = psycopg.connect(server.embedded.url("postgres"), autocommit=True)


def _own(server: Server, path: Path) -> None:
    if account := server.embedded._programs.account:
        os.chown(path, account.pw_uid, account.pw_gid)
