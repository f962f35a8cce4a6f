"""What an operator's questions cost, on a system with history, failures and a backlog.

Pages read are counted, which no other load on the machine changes; `make questions` makes a history
of a million steps, with a tenth of it queued, and prints the milliseconds of each question.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from running import client_of, template
from servers import Server

from tasker_sql.client import Client
from tasker_sql.top.queries import QUERIES
from tasker_sql.top.snapshot import Location, read

pytestmark = [pytest.mark.newest, pytest.mark.timeout(300)]

STEPS = int(os.environ.get("TASKER_TEST_STEPS", "40000"))
TIMES = 3 if "TASKER_TEST_STEPS" in os.environ else 1  # for the milliseconds
MOST_PAGES = 90_000  # of 8 kB, in memory: less than 100 ms
WIDE = 1000  # steps of a task with one step before them and one after
SLOW_RETRY = {"max_attempts": 3, "backoff_base_ms": 3_600_000}

# Tasks of ten steps, one after the other; all of the last two hours, as on a busy day. One in
# twenty failed in its last step, for one of fifty reasons.
HISTORY = """
with made as (
  insert into tasker.tasks (task_id, task_uuid, created_at, template_id, priority,
                            finalize_externally, state, open_sinks, started_at, finished_at,
                            context)
  select past.id, tasker._new_task_uuid(past.id, past.at), past.at, template.template_id, 0, false,
         case when past.n %% 20 = 0 then 'error' else 'complete' end::tasker.task_state, 0, past.at,
         past.at + interval '1 minute', '{}'
    from (select n, nextval('tasker.task_ids') as id,
                 now() - interval '2 hours' + n * interval '2 hours' / %(tasks)s as at
            from generate_series(1, %(tasks)s) as n) as past
    join tasker.task_templates as template on template.name = 'past'
  returning task_id, template_id, created_at, state
), step as (
  insert into tasker.steps (step_id, template_id, waiting_parents, priority, attempt, claim_token,
                            enqueued_at, started_at, finished_at, state, result)
  select task_id << 20 | no, template_id, 0, 0, 1, gen_random_uuid(),
         created_at + (no - 1) * interval '6 s', created_at + (no - 1) * interval '6 s',
         created_at + no * interval '6 s',
         case when state = 'error' and no = 10 then 'error' else 'complete' end::tasker.step_state,
         '{}'
    from made, generate_series(1, 10) as no
  returning step_id, template_id, started_at, finished_at, state
), failure as (
  insert into tasker.step_failures (step_id, attempt, worker, error, retryable, failed_at, to_state)
  select step_id, 1, 'w', '{"message": "it broke"}', false, finished_at, 'error'
    from step where state = 'error'
), dead as (
  insert into tasker.dead_steps (step_id, template_id, failed_at, retryable, fingerprint)
  select step_id, template_id, finished_at, false, md5((step_id >> 20) %% 50 || '')
    from step where state = 'error'
)
insert into tasker.transitions (at, actor, session_role, application, ids, changes)
select at, 'w', 'worker', 'app', ids, changes
  from (select started_at, 'w', array[step_id], array['step enqueued -> in_progress']
          from step
         union all
        select finished_at, 'w', array[step_id, step_id + 1],
               array['step in_progress -> complete', 'step pending -> enqueued']
          from step) as change (at, actor, ids, names)
 cross join lateral (select names::tasker.transition[]) as named (changes)
 order by at
"""
LOSE = """
delete from pgmq.q_test_queue
 where msg_id in (select msg_id from pgmq.q_test_queue order by msg_id limit 1000)
returning (message ->> 'step_id')::bigint
"""


@dataclass(frozen=True)
class Scene:
    """A database with much in it, and some of what is there by name."""

    client: Client
    steps: Mapping[str, UUID]


@pytest.fixture(scope="module")
def scene(server: Server) -> Iterator[Scene]:
    with server.database(server.migrated) as dsn, client_of(dsn) as client:
        client.register_template(template({f"s{n}": [] for n in range(10)}, name="past"))
        client.register_template(template({"only": []}))
        between = {f"s{n:04}": ["start"] for n in range(WIDE)}
        wide = {"start": [], **between, "end": list(between)}
        client.register_template(template(wide, name="wide"))
        client.register_template(template({"only": []}, name="flaky", retry=SLOW_RETRY))
        with psycopg.connect(dsn) as connection:
            connection.execute(HISTORY, {"tasks": STEPS // 10})
        steps = {}
        client.create_tasks("test", "flaky", [{}] * 2000)
        for _ in range(2):
            claimed = client.claim_steps("test", "w", 1000)
            for one in claimed:
                client.fail_step(one.step_uuid, one.token, "it broke")
            steps["retrying"] = claimed[0].step_uuid
        task = client.create_task("test", "wide", {}).task_uuid
        assert task is not None
        start = client.claim_steps("test", "w", 1)[0]
        client.complete_step(start.step_uuid, start.token, {})
        steps["wide"], steps["last of wide"] = start.step_uuid, UUID(int=task.int + WIDE + 2)
        steps["held"] = client.claim_steps("test", "w", 100, lease=timedelta(hours=1))[0].step_uuid
        for _ in range(max(1, STEPS // 100_000)):
            client.create_tasks("test", "flow", [{}] * min(10_000, STEPS // 10))
        with psycopg.connect(dsn, autocommit=True) as connection:
            lost = connection.execute(LOSE).fetchall()
            ((steps["lost"],),) = connection.execute(
                "select tasker._step_uuid(task_uuid, %(id)s) from tasker.tasks"
                " where task_id = %(id)s::bigint >> 20",
                {"id": max(lost)[0]},
            ).fetchall()
            connection.execute("vacuum analyze")
        newest = client.list_tasks({}, 1)[0].task_uuid
        assert newest is not None
        steps["queued"] = UUID(int=newest.int + 1)
        yield Scene(client, steps)


ASKED = {
    "explain_step": "select * from tasker.explain_step(%(step)s)",
    "explain_task": "select * from tasker.explain_task(%(task)s)",
    "task_timings": "select * from tasker.task_timings(%(task)s)",
    "critical_path": "select * from tasker.critical_path(%(task)s)",
    "step_attempts": "select * from tasker.step_attempts(%(step)s)",
}
OVER_ALL = {
    "problems": "select * from tasker.problems",
    "dead_letters": "select * from tasker.dead_letters",
    "failed_steps": "select * from tasker.failed_steps order by failed_at desc limit 100",
    "waiting_retries": "select * from tasker.waiting_retries limit 100",
    "ready_steps": "select * from tasker.ready_steps limit 100",
    "health": "select * from tasker.get_system_health_counts()",
    "plan": "select * from tasker.plan_repair('retry_step', '{\"template\": \"past\"}')",
    "live_claims": "select * from tasker.live_claims",
    "known_workers": "select * from tasker.known_workers",
    "list_queued_steps": "select * from tasker.list_queued_steps('test', 100)",
}
PLACES = ["retrying", "wide", "last of wide", "held", "lost", "queued"]


def measured(
    client: Client, statements: Sequence[tuple[str, Mapping[str, Any]]]
) -> tuple[int, float]:
    """How many pages they read together, and the fewest milliseconds that they took."""
    pages, times = 0, []
    for _ in range(TIMES):
        pages, time = 0, 0.0
        with client.transaction() as connection:
            for sql, arguments in statements:
                asked = f"explain (analyze, buffers, timing off, format json) {sql}".encode()
                ((answer,),) = connection.execute(asked, arguments).fetchall()
                plan = answer[0]["Plan"]
                pages += plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
                time += answer[0]["Planning Time"] + answer[0]["Execution Time"]
        times.append(time)
    return pages, min(times)


@pytest.mark.parametrize("question", OVER_ALL)
def test_all(scene: Scene, question: str) -> None:
    pages, ms = measured(scene.client, [(OVER_ALL[question], {})])
    print(f"\n{question:30} {pages:8,} pages {ms:6.0f} ms")
    assert pages < MOST_PAGES


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("question", ASKED)
def test_one(scene: Scene, question: str, where: str) -> None:
    place = Location("step", scene.steps[where])
    arguments = {"step": place.uuid, "task": place.task_uuid}
    pages, ms = measured(scene.client, [(ASKED[question], arguments)])
    print(f"\n{question} {where:20} {pages:8,} pages {ms:6.0f} ms")
    assert pages < MOST_PAGES


SUBJECTS = {"queue": "test"}
SCREENS = [
    (screen, where)
    for screen in QUERIES
    for where in PLACES
    if screen in ("task", "step") or where == "queued"
    if screen != "ticks"  # of a schedule, of which this scene has none
]


@pytest.mark.parametrize(("screen", "where"), SCREENS)
def test_screen(scene: Scene, screen: str, where: str) -> None:
    uuid = scene.steps[where]
    task = Location("step", uuid).task_uuid
    place = Location(screen, {"task": task, "step": uuid}.get(screen), SUBJECTS.get(screen, ""))
    arguments = {"task": task, "step": uuid, "filter": "{}", "subject": "test"}
    pages, ms = measured(scene.client, [(query, arguments) for query in QUERIES[screen].values()])
    seconds = min(read(scene.client, place, timeout=30).seconds for _ in range(TIMES))
    price = f"{pages:8,} pages {ms:6.0f} ms, {seconds * 1000:.0f} at the client"
    print(f"\nscreen {screen} {where:20} {price}")
    assert pages < MOST_PAGES
