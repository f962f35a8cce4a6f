"""What a refresh of `top` costs, on a system with history and a backlog.

Pages read are counted, which no other load on the machine changes; TASKER_TEST_STEPS=1000000 makes
a history of that many steps, with a tenth of it queued, and prints the milliseconds of each screen.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest
from running import client_of, template
from servers import Server

from tasker_sql.client import Client
from tasker_sql.top.snapshot import QUESTIONS, Place, read

pytestmark = pytest.mark.newest

STEPS = int(os.environ.get("TASKER_TEST_STEPS", "40000"))
MOST_PAGES = 60_000  # of 8 kB, in memory: about 100 ms
HISTORY = """
with made as (
  insert into tasker.tasks (task_id, task_uuid, created_at, template_id, priority,
                            finalize_externally, state, open_sinks, finished_at, context)
  select past.id, tasker._new_task_uuid(past.id, past.at), past.at, template.template_id, 0, false,
         case when past.n %% 20 = 0 then 'error' else 'complete' end::tasker.task_state, 0,
         past.at + interval '1 minute', '{}'
    from (select n, nextval('tasker.task_ids') as id,
                 now() - interval '1 day' - n * interval '1 second' as at
            from generate_series(1, %s) as n) as past
    join tasker.task_templates as template on template.name = 'past'
  returning task_id, template_id, created_at, state
), step as (
  insert into tasker.steps (step_id, template_id, waiting_parents, priority, attempt, claim_token,
                            enqueued_at, started_at, finished_at, state, result)
  select task_id << 20 | no, template_id, 0, 0, 1, gen_random_uuid(), created_at, created_at,
         created_at + interval '1 second',
         case when state = 'error' and no = 10 then 'error' else 'complete' end::tasker.step_state,
         '{}'
    from made, generate_series(1, 10) as no
  returning step_id, template_id, finished_at, state
), failure as (
  insert into tasker.step_failures (step_id, attempt, worker, error, retryable, failed_at, to_state)
  select step_id, 1, 'w', '{"message": "it broke"}', false, finished_at, 'error'
    from step where state = 'error'
)
insert into tasker.dead_steps (step_id, template_id, failed_at, retryable, fingerprint)
select step_id, template_id, finished_at, false, 'boom' from step where state = 'error'
"""


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[Client]:
    with server.database(server.migrated) as dsn, client_of(dsn) as client:
        client.register_template(template({f"s{n}": [] for n in range(10)}, name="past"))
        client.register_template(template({"only": []}))
        with psycopg.connect(dsn) as connection:
            connection.execute(HISTORY, [STEPS // 10])
        for _ in range(max(1, STEPS // 100_000)):
            client.create_tasks("test", "flow", [{}] * min(10_000, STEPS // 10))
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("vacuum analyze")
        yield client


@pytest.mark.parametrize("screen", QUESTIONS)
def test_a_refresh_reads_few_pages(client: Client, screen: str) -> None:
    """Of a task and a step that wait in the queue, the newest."""
    newest = client.list_tasks({}, 1)[0].task_uuid
    assert newest is not None
    uuid = {"task": newest, "step": UUID(int=newest.int + 1)}.get(screen)
    place = Place(screen, uuid)
    pages = 0
    for question in QUESTIONS[screen]:
        with client.transaction() as connection:
            asked = f"explain (analyze, buffers, format json) {question.sql}".encode()
            arguments = {"task": place.task_uuid, "step": uuid}
            ((answer,),) = connection.execute(asked, arguments).fetchall()
        pages += answer[0]["Plan"]["Shared Hit Blocks"] + answer[0]["Plan"]["Shared Read Blocks"]
    seconds = min(read(client, place, timeout=30).seconds for _ in range(5))
    print(f"\n{screen}: {pages} pages, {seconds * 1000:.0f} ms")
    assert pages < MOST_PAGES
