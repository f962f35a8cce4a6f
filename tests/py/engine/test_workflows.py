"""The five example workflows: happy, with a retry that succeeds, and with a permanent failure;
inline and over two hops; with handlers in Python and in SQL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest
from running import ended, running, step_named

from tasker_sql.client import Client
from tasker_sql.templates import files as templates
from tasker_sql.worker import handlers
from tasker_sql.worker.handlers import PermanentError, Registry, Step

EXAMPLES = Path(__file__).parents[3] / "examples"

ORDER = {"order_id": 7, "items": [{"sku": "tea", "quantity": 2, "price": 4.5}]}
PARCEL = {"parcel": "order 7", "paid": {"charged": 9.0, "currency": "EUR"}}

# file, context, the step that gets into trouble, the last step and its result
WORKFLOWS: dict[str, tuple[dict[str, Any], str, str, Any]] = {
    "linear": ({"number": 2}, "linear_step_2", "linear_step_4", {"value": 784}),
    "diamond": ({"number": 3}, "branch_c", "diamond_end", {"value": 37}),
    "tree": ({"number": 2}, "right", "final_convergence", {"value": 86}),
    "mixed": ({"number": 2}, "validate", "finalize", {"value": 68}),
    "order": (ORDER, "process_payment", "ship_order", PARCEL),
}

TROUBLE = """
create schema trouble;
create sequence trouble.calls;  -- which a rollback does not undo
create function trouble.once(context jsonb, results jsonb) returns jsonb
  language plpgsql
as $$
declare
  v_result jsonb;
begin
  if nextval('trouble.calls') = 1 then
    raise exception 'not yet';
  end if;
  execute format('select %s($1, $2)', context ->> 'instead') into v_result using context, results;
  return v_result;
end;
$$;
create function trouble.always(context jsonb, results jsonb) returns jsonb
  language plpgsql
as $$
begin
  raise exception 'never' using errcode = 'TK100', detail = 'in SQL';
end;
$$;
"""


@pytest.fixture(scope="module", autouse=True)
def examples() -> None:
    handlers.load(str(EXAMPLES / "handlers.py"))


def in_python(definition: dict[str, Any], troubled: str, trouble: str) -> Registry:
    """The examples' handlers, of which the one of the troubled step fails once or always."""
    registry = Registry()
    for name in handlers.default_registry.names:
        handler = handlers.default_registry.find(name)
        assert handler is not None
        registry.handler(name, transactional=handler.transactional)(handler.function)
    step = next(step for step in definition["steps"] if step["name"] == troubled)
    real = registry.find(step["handler"]["callable"])
    assert real is not None

    @registry.handler("trouble")
    def troubled_handler(step: Step) -> Any:
        if trouble == "permanent":
            raise PermanentError("never")
        if trouble == "retry" and step.attempt == 1:
            raise handlers.RetryableError("not yet", retry_after=0)
        return real.function(step)

    step["handler"]["callable"] = "trouble"
    return registry


def in_sql(dsn: str, definition: dict[str, Any], troubled: str, trouble: str) -> dict[str, Any]:
    """Install the examples' SQL handlers; what the context must say in addition."""
    with psycopg.connect(dsn) as connection:
        connection.execute((EXAMPLES / "sql_handlers.sql").read_bytes())
        connection.execute("insert into examples.stock values ('tea', 10)")
        connection.execute(TROUBLE.encode())
    step = next(step for step in definition["steps"] if step["name"] == troubled)
    real = step["handler"]["sql"]
    if trouble != "happy":
        name = "trouble.once" if trouble == "retry" else "trouble.always"
        step["handler"] = {"sql": name}
    return {"instead": real}


@pytest.mark.newest_first
@pytest.mark.parametrize("language", ["python", "sql"])
@pytest.mark.parametrize("two_hop", [False, True], ids=["inline", "two_hop"])
@pytest.mark.parametrize("trouble", ["happy", "retry", "permanent"])
@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_runs(
    database: str, client: Client, workflow: str, trouble: str, two_hop: bool, language: str
) -> None:
    context, troubled, last, result = WORKFLOWS[workflow]
    environment = "sql" if language == "sql" else "development"
    definition = templates.load(EXAMPLES / "workflows" / f"{workflow}.yaml", environment).definition
    for step in definition["steps"]:
        step.setdefault("retry", {})["backoff_base_ms"] = 1
    registry = Registry()
    if language == "python":
        registry = in_python(definition, troubled, trouble)
    else:
        context = context | in_sql(database, definition, troubled, trouble)
    registered = client.register_template(definition)

    with running(database, registry, [registered.namespace], two_hop=two_hop):
        task = client.create_task(registered.namespace, registered.name, context).task_uuid
        state = ended(client, task)

    step = step_named(client, task, troubled)
    if trouble == "permanent":
        assert (state, step.state, step.attempt) == ("error", "error", 1)
        assert step.last_error["message"] == "never"
        assert step_named(client, task, last).state == "pending"
    else:
        assert (state, step.state) == ("complete", "complete")
        assert step.attempt == (2 if trouble == "retry" else 1)
        assert step_named(client, task, last).result == result
    assert client.check_invariants() == []
    if language == "sql" and workflow == "order" and trouble != "permanent":
        with psycopg.connect(database) as connection:
            stock = connection.execute("select on_hand from examples.stock").fetchall()
            parcels = connection.execute("select order_id from examples.parcels").fetchall()
        assert (stock, parcels) == ([(8,)], [(7,)])
