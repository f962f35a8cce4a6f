"""An installation that misses a part is not called well, and an upgrade makes it whole again."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import psycopg
import pytest
from catalog import snapshot
from servers import Server, rows
from workflows import COMPLETE, REPORT, claim, create, define

from tasker_sql.schema import migrations as schema
from tasker_sql.schema.embedded import find_bin_dir

pytestmark = pytest.mark.newest_first


def tool(program: str, dsn: str, *options: str, stdin: str = "") -> str:
    return subprocess.run(
        [find_bin_dir() / program, *options, "-d", dsn],
        input=stdin,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def restored(source: str, target: str, *options: str) -> None:
    """What psql does with a dump: it goes on after errors."""
    script = tool("pg_dump", source, *options)
    tool("psql", target, "-Xq", stdin=script)


@pytest.fixture
def source(database: str) -> str:
    """A database with work that is queued, with limits of its own."""
    define(database, "flow", {"one": [], "two": ["one"]})
    create(database, "flow", 3)
    rows(database, "select from tasker.set_limit('tags_per_task', 30, 'we tag a lot')")
    return database


@pytest.fixture
def target(server: Server, source: str) -> Iterator[str]:  # noqa: ARG001
    with server.database() as dsn:
        yield dsn


def is_whole(dsn: str) -> None:
    schema.check(dsn)
    rows(dsn, "update tasker.steps set enqueued_at = enqueued_at - interval '1 hour'")
    rows(dsn, "select from tasker.sweep()")
    assert rows(dsn, "select * from tasker.check_invariants()") == []


@pytest.mark.parametrize("options", [[], ["-n", "tasker*", "-n", "pgmq"], ["--inserts"]])
def test_a_whole_dump_is_whole(source: str, target: str, options: list[str]) -> None:
    restored(source, target, *options)
    is_whole(target)
    assert set(claim(target, 3)) == {"one"}


def test_a_dump_without_pgmq_gets_it_and_its_messages(source: str, target: str) -> None:
    restored(source, target, "--schema", "tasker")
    named = "missing: the schema tasker_queues, the schema pgmq: run `tasker-sql db upgrade`"
    with pytest.raises(schema.SchemaError, match=named):
        schema.check(target)
    schema.upgrade(target)
    is_whole(target)
    assert set(claim(target, 3)) == {"one"}


def test_a_dump_without_data_begins_anew(source: str, target: str) -> None:
    restored(source, target, "--schema-only")
    with pytest.raises(schema.SchemaError, match="alembic_version is empty or missing, as after"):
        schema.check(target)
    schema.upgrade(target)
    is_whole(target)
    assert snapshot(target) == snapshot(source)
    assert rows(target, "select value from tasker.limits where name = 'tags_per_task'") == [(20,)]
    define(target, "flow", {"one": []})
    create(target, "flow", 2)
    assert set(claim(target, 2)) == {"one"}
    assert rows(target, "select queue_name from pgmq.meta order by 1") == rows(
        source, "select queue_name from pgmq.meta order by 1"
    )


def test_data_alone_goes_into_a_database_at_head(source: str, target: str) -> None:
    schema.upgrade(target)
    restored(source, target, "--data-only")
    with pytest.raises(schema.SchemaError, match="missing: the queue test_queue"):
        schema.check(target)
    schema.upgrade(target)
    is_whole(target)
    assert set(claim(target, 3)) == {"one"}


@pytest.mark.parametrize(
    ("lost", "named"),
    [
        ("delete from tasker.legal_transitions where to_state = 'in_progress'", "legal transition"),
        ("delete from tasker.limits where name = 'tags_per_task'", "the limit tags_per_task"),
        ("truncate tasker.limits", r"and \d+ more"),
        ("delete from tasker.sweep_cursors", "the position of the sweep"),
        ("drop function tasker.heartbeat", "not those of this version .heartbeat."),
        ("drop view tasker.task_progress", "not those of this version .task_progress."),
        ("truncate tasker.installations", "functions and views of the database are not"),
        ("drop table pgmq.q_test_queue_low", "the queue test_queue_low"),
        ("delete from pgmq.meta where queue_name = 'test_queue'", "the queue test_queue"),
        ("drop table pgmq.q_orchestration_step_results", "the queue orchestration_step_results"),
        ("drop schema pgmq cascade", "the schema pgmq"),
        ("drop function pgmq.send(text, jsonb)", "the function pgmq.send.text, jsonb."),
        ("drop table pgmq.meta cascade", "the table pgmq.meta"),
        ("drop type pgmq.message_record cascade", "the function pgmq.pop"),
        ("drop table pgmq.a_test_queue", "the queue test_queue"),
        ("drop schema tasker_queues cascade", "the schema tasker_queues"),
        ("drop function tasker_queues.pop_test_queue_high", "the queue test_queue_high"),
        ("alter sequence tasker.task_ids restart", "the position of the sequence tasker.task_ids"),
        (
            "alter table pgmq.q_test_queue alter msg_id restart",
            "the position of the sequence pgmq.q_test_queue_m",
        ),
        ("truncate tasker.alembic_version", "alembic_version is empty"),
        ("drop table tasker.alembic_version", "alembic_version is empty or missing"),
    ],
)
def test_what_is_lost_is_named_and_made_again(source: str, lost: str, named: str) -> None:
    rows(source, lost)
    with pytest.raises(schema.SchemaError, match=f"{named}.*: run `tasker-sql db upgrade`"):
        schema.check(source)
    schema.upgrade(source)
    is_whole(source)


@pytest.mark.newest
@pytest.mark.parametrize(
    ("lost", "named"),
    [
        (
            "drop table tasker.submissions, tasker.repair_plans",
            "the table submissions, the primary",
        ),
        ("drop index tasker.timers_by_time", "the index timers_by_time: restore"),
        ("drop index tasker.a_request_makes_one_claim", "the index a_request_makes_one_claim"),
        ("drop sequence tasker.task_ids", "the sequence task_ids: restore"),
        ("alter table tasker.timers drop constraint timers_pkey", "the primary key of timers: re"),
        ("alter table tasker.steps drop constraint parents_are_counted_once", "the constraint par"),
    ],
)
def test_a_part_that_no_upgrade_makes_is_named(source: str, lost: str, named: str) -> None:
    rows(source, lost)
    with pytest.raises(schema.SchemaError, match=f"^missing: {named}"):
        schema.check(source)


@pytest.mark.newest
def test_a_restore_without_keys_is_named(source: str, target: str) -> None:
    """As `pg_restore` leaves it that ran out of time, or of disk."""
    restored(source, target, "--section", "pre-data", "--section", "data")
    with pytest.raises(schema.SchemaError, match=r"the primary key of namespaces.* more: restore"):
        schema.check(target)


@pytest.mark.newest
def test_tables_of_an_unknown_revision_are_not_guessed_at(source: str) -> None:
    rows(source, "truncate tasker.alembic_version; comment on schema tasker is null")
    with pytest.raises(schema.SchemaError, match="says of which revision: insert that into"):
        schema.upgrade(source)


def test_fixed_rows_follow_the_version_and_limits_stay_as_they_were_set(source: str) -> None:
    rows(source, "update tasker.limits set meaning = 'old', maximum = 40 where name like 'tags%'")
    rows(source, "update tasker.limits set maximum = 9000, value = 9000 where name = 'json_depth'")
    rows(source, "update tasker.legal_transitions set meaning = 'old'")
    schema.upgrade(source)
    limit = "select value, maximum, meaning from tasker.limits where name like 'tags%'"
    assert rows(source, limit) == [(30, 1000, "The tags of a task.")]
    depth = "select value, maximum from tasker.limits where name = 'json_depth'"
    assert rows(source, depth) == [(500, 500)]
    assert rows(source, "select from tasker.legal_transitions where meaning = 'old'") == []


def test_queues_are_those_that_pgmq_would_make(source: str) -> None:
    """But for the index on vt, and the pace of vacuum."""
    rows(source, "select pgmq.create('theirs')")
    columns = """
        select a.attname, a.atttypid::regtype, a.attnotnull, a.attidentity,
               pg_get_expr(d.adbin, d.adrelid)
          from pg_attribute as a
          left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
         where a.attrelid = to_regclass('pgmq.' || %s) and a.attnum > 0
         order by a.attnum
    """
    indexes = """
        select replace(pg_get_indexdef(indexrelid), %s, '') from pg_index
         where indrelid = to_regclass('pgmq.' || %s || '_' || %s)
           and pg_get_indexdef(indexrelid) !~ '[(]vt[)]'
         order by 1
    """
    for kind in "qa":
        ours = rows(source, columns, f"{kind}_test_queue")
        assert ours == rows(source, columns, f"{kind}_theirs")
        assert rows(source, indexes, "test_queue", kind, "test_queue") == rows(
            source, indexes, "theirs", kind, "theirs"
        )
    known = "select is_partitioned, is_unlogged from pgmq.meta where queue_name = %s"
    assert rows(source, known, "test_queue") == rows(source, known, "theirs")


def test_nobody_needs_pgmqs_advisory_locks(empty_database: str) -> None:
    """Anybody can take them."""
    queues = ["orchestration_step_results", "orchestration_task_requests"]
    queues += [f"spare_queue{suffix}" for suffix in ("", "_high", "_low")]
    with psycopg.connect(empty_database, autocommit=True) as stranger:
        for queue in queues:
            stranger.execute("select pg_advisory_lock(hashtext('pgmq.queue_' || %s))", [queue])
        schema.upgrade(empty_database)
        with psycopg.connect(empty_database, options="-c lock_timeout=2s") as connection:
            connection.execute("select from tasker.create_namespace('spare')")
            connection.execute("select from tasker.drop_namespace('spare')")
        rows(empty_database, "select from tasker.create_namespace('spare')")
        schema.downgrade(empty_database, "base")
        assert rows(empty_database, "select from pgmq.meta") == []


def test_a_publication_of_all_tables_stops_no_command(source: str) -> None:
    """PostgreSQL refuses to update and delete what is published without a replica identity."""
    without = """
        select c.oid::regclass::text
          from pg_class as c
         where c.relnamespace in ('tasker'::regnamespace, 'pgmq'::regnamespace)
           and c.relkind in ('r', 'p')
           and c.relpersistence = 'p'
           and c.relreplident in ('d', 'n')
           and not (c.relreplident = 'd' and exists (
                 select from pg_index as i where i.indrelid = c.oid and i.indisprimary))
    """
    assert rows(source, without) == []
    rows(source, "create publication everything for all tables")
    rows(source, "select from tasker.create_namespace('old')")
    assert rows(source, without) == []
    rows(source, "select from tasker.drop_namespace('old')")
    rows(source, "select from tasker.report_runner('runner', %s)", json.dumps(REPORT))
    rows(source, "select from tasker.force_breaker('queue', 'open', 'now')")
    rows(source, "select from tasker.force_breaker('queue', 'closed', 'now')")
    rows(source, "select from tasker.release_breaker('queue', 'over')")
    for name, (step, token) in claim(source).items():
        assert (name, rows(source, COMPLETE, step, token)[0][0]) == ("one", "complete")
    rows(source, "select from tasker.sweep()")
    rows(source, "update tasker.transitions set reason = null")
    rows(source, "delete from tasker.transitions")
