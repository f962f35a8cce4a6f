"""Templates, tasks and claims for the Python tests, and what the tables say about them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from servers import rows

CLAIM = "select step_uuid::text, token::text, name from tasker.claim_steps('test', %s, %s)"
COMPLETE = "select step_state, task_state from tasker.complete_step(%s, %s)"
FAIL = "select step_state, task_state from tasker.fail_step(%s, %s, '\"no\"', false)"
SWEEP = "select affected from tasker.sweep() where action = %s"
FINISH = "select from tasker.finish_and_claim('test', 'w', %s, %s, 0)"
CANCEL = "select task_state, cancelled_steps from tasker.cancel_task(%s, 'no need')"
RETRY = "select step_state, task_state from tasker.retry_step(%s, 'try again')"
RESOLVE = "select step_state, task_state from tasker.resolve_step(%s, 'done by hand')"
PAUSE = "select changed from tasker.pause_task(%s, 'wait')"
FINALIZE = "select task_state, finalized, message from tasker.finalize_task(%s)"

# For thousands of checks of tables that stay small.
PLAN_CHECKS_ONCE = """
do $$
declare
  v_check regprocedure;
begin
  for v_check in
    select oid from pg_proc
     where pronamespace = 'tasker'::regnamespace
       and proconfig @> '{plan_cache_mode=force_custom_plan}'
  loop
    execute format('alter function %s set plan_cache_mode = force_generic_plan', v_check);
  end loop;
end
$$;
"""

REPORT: dict[str, Any] = {
    "host": "h",
    "pid": 7,
    "version": "1",
    "uptime": 60.5,
    "state": "normal",
    "status": "healthy",
    "namespaces": ["test"],
    "connections": {"size": 20},
    "pools": [
        {"pool": "task_claimer", "namespace": "test", "executors": 9, "queue_age": 1.5, "done": 7}
    ],
    "breakers": [{"breaker": "queue", "state": "closed", "opened": 2, "changed_ago": 5.5}],
}

DIAMOND = {"start": [], "left": ["start"], "right": ["start"], "end": ["left", "right"]}


def definition(
    name: str,
    steps: Mapping[str, Sequence[str]],
    *,
    namespace: str = "test",
    retry: Mapping[str, Any] | None = None,
    **more: Any,
) -> str:
    """A template's definition as JSON: `{"step": ["parent", ...], ...}`, one retry for all."""
    retry = {"backoff": "none", **(retry or {})}
    made = [
        {"name": step, "handler": {"callable": step}, "dependencies": parents, "retry": retry}
        for step, parents in steps.items()
    ]
    head = {"name": name, "namespace_name": namespace, "version": "1.0.0", "steps": made}
    return json.dumps(head | more)


def define(dsn: str, name: str, steps: Mapping[str, Sequence[str]], **more: Any) -> None:
    """Register a template."""
    rows(dsn, "select from tasker.register_template(%s)", definition(name, steps, **more))


def create(dsn: str, name: str, count: int = 1, *, namespace: str = "test") -> list[str]:
    """Make tasks of a template; their uuids."""
    query = "select task_uuid::text from tasker.create_tasks(%s, %s, %s::jsonb[])"
    return [uuid for (uuid,) in rows(dsn, query, namespace, name, ["{}"] * count)]


def claim(dsn: str, limit: int = 1, worker: str = "w") -> dict[str, tuple[str, str]]:
    """Claim steps: their step_uuid and token by name. For steps of one task at a time."""
    return {name: (step, token) for step, token, name in rows(dsn, CLAIM, worker, limit)}


def done(dsn: str, name: str) -> None:
    """Claim the one step that can be claimed, which has that name, and complete it."""
    ((claimed, (step, token)),) = claim(dsn, 2).items()
    assert claimed == name
    rows(dsn, COMPLETE, step, token)


def run_all(dsn: str, namespace: str = "test") -> int:
    """Complete all that can be claimed, and what follows from it; how many steps."""
    count = 0
    token, outcomes = None, "[]"
    query = "select step_uuid::text, token::text from tasker.finish_and_claim(%s, 'w', %s, %s, 100)"
    while found := rows(dsn, query, namespace, token, outcomes):
        count += len(found)
        token = found[0][1]
        outcomes = json.dumps([{"step_uuid": step} for step, _ in found])
    return count


def sweep(dsn: str, action: str) -> int:
    """How much of one kind of action a sweep did."""
    ((affected,),) = rows(dsn, SWEEP, action)
    assert isinstance(affected, int)
    return affected


def later(dsn: str, by: str) -> None:
    """Put the clock of the database forward, for everybody."""
    clock = f"select clock_timestamp() + interval '{by}'"
    rows(
        dsn,
        "create or replace function tasker._now () returns timestamptz language sql volatile "
        f"as $$ {clock} $$",
    )


def step_states(dsn: str, task: str) -> dict[str, str]:
    """The state of each step of a task by its name."""
    return dict(
        rows(
            dsn,
            """
            select link.name, step.state::text
              from tasker.tasks as task
              join tasker.template_steps as link on link.template_id = task.template_id
              join tasker.steps as step on step.step_id = (task.task_id << 20) + link.step_no
             where task.task_uuid = %s
            """,
            task,
        )
    )


def task_state(dsn: str, task: str) -> str:
    ((state,),) = rows(dsn, "select state::text from tasker.tasks where task_uuid = %s", task)
    return str(state)


def changes(dsn: str, task: str, change: str) -> int:
    """How often history says that a change happened in a task or its steps."""
    ((count,),) = rows(
        dsn,
        """
        select count(*)
          from tasker._changes as past
          join tasker.tasks as task on task.task_id = past.id >> 20
         where task.task_uuid = %s and past.change::text = %s
        """,
        task,
        change,
    )
    assert isinstance(count, int)
    return count


def queued(dsn: str, namespace: str = "test") -> int:
    """How many messages a namespace's normal queue holds."""
    ((count,),) = rows(dsn, f"select count(*) from pgmq.q_{namespace}_queue")
    assert isinstance(count, int)
    return count


def violations(dsn: str) -> list[tuple[Any, ...]]:
    """What `check_invariants` finds; nothing when all is well."""
    return rows(dsn, "select * from tasker.check_invariants()")
