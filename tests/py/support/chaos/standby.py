"""A streaming standby of a server, which can be made to miss the last transactions."""

from __future__ import annotations

import shutil

import psycopg
from running import wait_for
from servers import rows, temporary_folder

from tasker_sql.schema.embedded import EmbeddedError, EmbeddedServer

RECEIVED = "pg_last_wal_receive_lsn()"
WRITTEN = "select pg_current_wal_insert_lsn()::text"


class Standby:
    """A copy of a running server that streams from it: asynchronously, as is usual."""

    def __init__(self, primary: EmbeddedServer) -> None:
        self._primary = primary
        programs = self._primary._programs
        folder = temporary_folder()
        if programs.account:
            shutil.chown(folder, programs.account.pw_uid, programs.account.pw_gid)
        done = programs.run(
            *("pg_basebackup", "-d", self._primary.url("postgres"), "-D", str(folder / "data")),
            *("--write-recovery-conf", "--checkpoint=fast", "--no-sync"),
        )
        if done.returncode:
            raise EmbeddedError(f"pg_basebackup failed: {done.stderr.strip()}")
        self.embedded = EmbeddedServer(
            folder / "data", self._primary.settings, self._primary._bin_dir
        )
        self.embedded.start()
        wait_for(lambda: self.is_receiving, "streaming")

    @property
    def is_receiving(self) -> bool:
        streaming = "select count(*) from pg_stat_wal_receiver where status = 'streaming'"
        return rows(self.embedded.url("postgres"), streaming) == [(1,)]

    def stop_receiving(self) -> None:
        """Receive nothing any more; what the primary commits from now on is lost with it."""
        dsn = self.embedded.url("postgres")
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("alter system set primary_conninfo = ''")
            connection.execute("select pg_reload_conf()")
        wait_for(lambda: rows(dsn, "select count(*) from pg_stat_wal_receiver") == [(0,)])

    def missing(self) -> int:
        """How many bytes of WAL the primary has written and the standby has not received."""
        ((received,),) = rows(self.embedded.url("postgres"), f"select {RECEIVED}::text")
        behind = "select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), %s)::bigint"
        ((bytes_,),) = rows(self._primary.url("postgres"), behind, received)
        return int(bytes_)

    def catch_up(self) -> None:
        """Come back when it has received all that the primary had written when it was asked."""
        ((written,),) = rows(self._primary.url("postgres"), WRITTEN)
        has = f"select {RECEIVED} >= %s::pg_lsn"
        wait_for(lambda: rows(self.embedded.url("postgres"), has, written) == [(True,)])

    def promote(self) -> None:
        """Become the primary."""
        rows(self.embedded.url("postgres"), "select pg_promote(wait => true)")

    def close(self) -> None:
        self.embedded.stop("immediate")
        shutil.rmtree(self.embedded.data_dir.parent, ignore_errors=True)
