"""Metrics: each is fed, a scrape costs little, and nobody asks for one that is not there."""

from __future__ import annotations

import json
import math
import re
import threading
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from running import SECONDS, ended, running, step_named, template, wait_for
from servers import rows
from serving import serving

from tasker_sql.client import Client
from tasker_sql.ops import control
from tasker_sql.rows import ClaimedStep
from tasker_sql.worker.handlers import Registry, Step

pytestmark = pytest.mark.newest

ROOT = Path(__file__).parents[3]
MONITORING = ROOT / "examples/monitoring"
SHORT = timedelta(seconds=0.1)
SUFFIXES = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}
SUFFIXES |= {"summary": ["_sum", "_count"], "gauge": [""]}

Scraped = dict[str, dict[tuple[str, ...], float]]


@pytest.fixture
def web(database: str) -> Iterator[httpx.Client]:
    with serving(database) as web:
        yield web


def scrape(web: httpx.Client) -> Scraped:
    """The samples by metric, and by the values of their labels."""
    answer = web.get("/metrics")
    assert answer.status_code == 200
    return {
        family.name: {
            (sample.name, *sample.labels.values()): sample.value for sample in family.samples
        }
        for family in text_string_to_metric_families(answer.text)
    }


def value(scraped: Scraped, metric: str, *labels: str, part: str = "") -> float:
    """Of the sample with these labels, as their names are sorted; of a histogram, a part of it.

    NaN where there is none: it is neither equal to, nor more or less than, what is expected.
    """
    matching = (
        found
        for (name, *known), found in scraped[f"tasker_{metric}"].items()
        if known == [*labels] and name.endswith(part)
    )
    return next(matching, math.nan)


def steps_that_went(scraped: Scraped, before: str, after: str) -> float:
    return value(scraped, "step_transitions", before, after)


class TestEvents:
    def test_are_counted_once_and_all(self, client: Client, web: httpx.Client) -> None:
        client.register_template(template({"a": [], "b": ["a"]}))
        scrape(web)
        client.create_tasks("test", "flow", [{}] * 7)
        (first, *_), rest = client.claim_steps("test", "me", 5), client.claim_steps("test", "me", 9)
        client.complete_step(first.step_uuid, first.token)
        client.fail_step(rest[0].step_uuid, rest[0].token, {"message": "no"})
        for _ in range(2):
            found = scrape(web)
            assert value(found, "task_transitions", "", "pending") == 7
            assert steps_that_went(found, "enqueued", "in_progress") == 7
            assert steps_that_went(found, "in_progress", "complete") == 1
            assert steps_that_went(found, "in_progress", "waiting_for_retry") == 1
            assert steps_that_went(found, "in_progress", "error") == 0

    def test_that_commit_late_are_not_missed(
        self, database: str, client: Client, web: httpx.Client
    ) -> None:
        client.register_template(template({"a": []}))

        def created() -> float:
            return value(scrape(web), "task_transitions", "", "pending")

        created()
        with psycopg.connect(database) as early, psycopg.connect(database) as late:
            Client(early).create_task("test", "flow")
            Client(late).create_task("test", "flow")
            with late.transaction():  # a savepoint: its rows bear another transaction's id
                Client(late).create_task("test", "flow")
            early.commit()
            assert created() <= 1
            client.create_task("test", "flow")
            assert created() <= 1, "what came after the one that is open waits for it"
            late.commit()
            assert created() == 4
        assert created() == 4

    def test_of_other_kinds(self, client: Client, web: httpx.Client) -> None:
        scrape(web)
        late_write(client)
        finalize(client)
        found = scrape(web)
        assert value(found, "late_writes", "lease expired") == 1
        assert value(found, "late_writes", "taken over") == 0
        name = "tasker_finalization_claim_held_seconds"
        assert found[name][f"{name}_count", "finalized"] == 1
        assert found[name][f"{name}_sum", "finalized"] > 0

    def test_of_claims_for_finalization(self, client: Client, web: httpx.Client) -> None:
        """Each under the seed's name; what was refused is the sum of the reasons."""
        scrape(web)
        finalize(client)
        again = client.create_task("test", "audited", options={"priority": "high"}).task_uuid
        assert client.claim_task_for_finalization(again, "p").message == "not_ready"
        step = claimed(client, again)
        client.complete_step(step.step_uuid, step.token)
        held = client.claim_task_for_finalization(again, "p").finalization_attempt_uuid
        assert held
        assert client.claim_task_for_finalization(again, "q").message == "already_claimed"
        assert value(scrape(web), "finalization_claims") == 1
        for _ in range(2):
            client.extend_finalization_claim(held)
        client.release_finalization_claim(held)
        client.release_finalization_claim(held)
        for _ in range(2):
            found = scrape(web)
            name = "tasker_finalization_claim_duration_seconds"
            counts = [
                count for (kind, *_), count in found[name].items() if kind == f"{name}_bucket"
            ]
            assert (counts, counts[-1]) == (sorted(counts), 5)
            assert found[name][f"{name}_count",] == 5
            assert 0 < found[name][f"{name}_sum",] < 60
            assert value(found, "finalization_claim_success") == 2
            assert value(found, "finalization_claim_contention") == 3
            for reason, count in {
                "not_found": 1,
                "not_ready": 1,
                "already_claimed": 1,
                "already_complete": 0,
            }.items():
                by_reason = "finalization_claim_contention_by_reason"
                assert value(found, by_reason, reason) == count
            assert value(found, "finalization_claim_extend") == 2
            assert value(found, "finalization_claim_release") == 1
            assert value(found, "finalization_claim_finalized") == 1
            assert value(found, "finalization_claim_expired") == 0
            assert value(found, "finalization_claims") == 0

    def test_of_claims_that_ran_out(self, client: Client, web: httpx.Client, database: str) -> None:
        client.register_template(template({"a": []}) | {"finalization": "external"})
        task = client.create_task("test", "flow").task_uuid
        (step,) = client.claim_steps("test", "me")
        client.complete_step(step.step_uuid, step.token)
        scrape(web)
        for _ in range(2):
            assert client.claim_task_for_finalization(task, "p").claimed
            rows(
                database,
                "update tasker.finalization_claims set claimed_until = now() - interval '1 s'"
                " returning true",
            )
        client.sweep()
        found = scrape(web)
        assert value(found, "finalization_claim_expired") == 2, "taken over, and swept"
        name = "tasker_finalization_claim_held_seconds"
        assert found[name][f"{name}_count", "expired"] == 2


class TestCost:
    def test_a_scrape_is_seven_statements(
        self, client: Client, web: httpx.Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Six questions, after one that limits their time."""
        seen = list[str]()
        execute = psycopg.Cursor.execute

        def noted(self: Any, query: Any, *arguments: Any, **more: Any) -> Any:
            if "web" in self.connection.info.get_parameters().get("application_name", ""):
                seen.append(str(query))
            return execute(self, query, *arguments, **more)

        scrape(web)
        monkeypatch.setattr(psycopg.Cursor, "execute", noted)
        scrape(web)
        idle, busy = len(seen), 0
        client.register_template(template({"a": []}))
        client.create_tasks("test", "flow", [{}] * 500)
        scrape(web)
        busy = len(seen) - idle
        assert (idle, busy) == (7, 7), seen

    def test_history_costs_nothing(self, database: str, client: Client) -> None:
        """Events are read from the last hour on, however many there have been."""
        after = json.dumps(client.count_events()[0].next_after)

        def buffers() -> int:
            plan = rows(
                database,
                "explain (analyze, buffers, format json) select * from tasker.count_events(%s)",
                after,
            )[0][0][0]["Plan"]
            return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])

        before = [buffers() for _ in range(2)][-1]
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(
                """
                insert into tasker.transitions (at, actor, session_role, application, ids, changes)
                select clock_timestamp() - interval '2 days', 'me', 'me', 'test', array[number],
                       '{step enqueued -> in_progress}'
                  from generate_series(1, 50000) as number
                """
            )
            connection.execute("vacuum analyze tasker.transitions")
        size = rows(database, "select pg_relation_size('tasker.transitions') / 8192")[0][0]
        after_it = [buffers() for _ in range(2)][-1]
        assert size > 500
        assert after_it <= before + 60, "no more than the pages that are not summarized yet"

    def test_a_database_that_does_not_answer_is_told(self) -> None:
        with serving("host=/nowhere") as web:
            found = scrape(web)
            assert value(found, "database_up") == 0
            assert value(found, "http_circuit_breaker_failures", "web") == 1
            assert "tasker_open_tasks" not in found


def late_write(client: Client) -> None:
    """A worker stalls, and reports after its lease has run out."""
    client.register_template(template({"a": []}, name="late"))
    client.create_task("test", "late")
    (step,) = client.claim_steps("test", "me", lease=SHORT)
    wait_for(
        lambda: [
            one for one in client.sweep() if one.action == "claims_taken_back" and one.affected
        ]
    )
    assert client.report_late_writes(step.token, [step.step_uuid], "me")


def claimed(client: Client, task: UUID) -> ClaimedStep:
    """A step of this task; what comes before it in the queue is claimed, too."""
    found = (step for _ in range(50) for step in client.claim_steps("test", "me"))
    return next(step for step in found if step.task_uuid == task)


def finalize(client: Client) -> None:
    """A processor finalizes a task."""
    client.register_template(template({"a": []}, name="audited") | {"finalization": "external"})
    task = client.create_task("test", "audited", options={"priority": "high"}).task_uuid
    step = claimed(client, task)
    client.complete_step(step.step_uuid, step.token)
    assert client.claim_task_for_finalization(UUID(int=0), "processor").message == "not_found"
    claim = client.claim_task_for_finalization(task, "processor")
    client.finalize_task(task, claim.finalization_attempt_uuid)


def claim_in_vain(client: Client, look: Any) -> None:
    """A processor extends its claim and gives it back; another one's claim runs out."""
    task = client.create_task("test", "audited", options={"priority": "high"}).task_uuid
    step = claimed(client, task)
    client.complete_step(step.step_uuid, step.token)
    held = client.claim_task_for_finalization(task, "processor").finalization_attempt_uuid
    assert held
    client.extend_finalization_claim(held)
    look()
    client.release_finalization_claim(held)
    assert client.claim_task_for_finalization(task, "another", 1).claimed
    wait_for(
        lambda: client.sweep() and value(look(), "finalization_claim_expired") > 0,
        "an expired claim",
    )


def test_every_metric_moves(database: str, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A workload in which everything happens that there is a metric of."""
    seen: dict[str, list[Any]] = defaultdict(list)
    more = {"circuit_breakers.web.failures": 1}
    with serving(database, more) as web:

        def look() -> Scraped:
            found = scrape(web)
            for metric, samples in found.items():
                seen[metric].append(samples)
            return found

        look()
        happen(database, client, look, monkeypatch)
        with psycopg.connect(database) as other, ThreadPoolExecutor() as threads:
            other.execute("lock table tasker.task_templates")
            asking = threads.submit(web.get, "/v1/handlers")
            wait_for(lambda: value(look(), "http_connections_used") > 0)
            other.rollback()
            assert asking.result().status_code == 200
        end(database, "% web")
        wait_for(lambda: value(look(), "database_up") == 0)
        recovery = "http_circuit_breaker_recovery_seconds"
        wait_for(lambda: value(look(), recovery, "web", part="_count") > 0)
        assert value(look(), "database_up") == 1
    constant = {metric for metric, found in seen.items() if all(one == found[0] for one in found)}
    assert constant == {"tasker_database_max_connections"}, constant
    (most,) = seen["tasker_database_max_connections"][0].values()
    assert rows(database, "show max_connections") == [(str(int(most)),)]


def happen(database: str, client: Client, look: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = Registry()
    registry.handler("a")(lambda _: 1)

    late_write(client)
    look()
    finalize(client)
    claim_in_vain(client, look)
    monkeypatch.setattr(control, "CHECK_EVERY", 0.2)
    client.await_work(["test"], "idle")
    wide = {f"parent_{number}": list[str]() for number in range(20)}
    client.register_template(template({**wide, "join": list(wide)}, name="wide"))
    task = client.create_task("test", "wide", options={"run_at": "2100-01-01T00:00:00Z"}).task_uuid
    look()
    client.cancel_task(task, "a test")
    task = client.create_task("test", "wide").task_uuid
    steps = [claimed(client, task) for _ in range(4)]
    with psycopg.connect(database) as other:
        Client(other).complete_step(steps[0].step_uuid, steps[0].token)
        client.complete_step(steps[1].step_uuid, steps[1].token)
        wait_for(lambda: value(look(), "deferred_joins") > 0)
    client.submit_step_results(
        steps[2].token, [{"step_uuid": str(steps[2].step_uuid), "result": 1}]
    )
    look()
    client.fail_step(steps[3].step_uuid, steps[3].token, {"message": "no"}, retry_after=SHORT)
    look()
    wait_for(lambda: value(look(), "overdue_timers") > 0)
    paused = client.create_task("test", "late").task_uuid
    client.pause_task(paused, "a test")
    look()
    step = claimed(client, task)
    client.fail_step(step.step_uuid, step.token, {"message": "no"}, retryable=False)
    assert client.get_task(task).state == "blocked_by_failures"
    look()
    client.heartbeat(claimed(client, task).token, SHORT)
    wait_for(lambda: value(look(), "claims", "expired") > 0)
    rows(database, "select pgmq.drop_queue('test_queue_low') is not null")
    look()

    breaking = {f"circuit_breakers.{name}.failures": 1 for name in ("database", "queue")}
    with running(database, registry, ["test"], more=breaking):
        client.resume_task(paused, "a test")
        assert ended(client, paused) == "complete"
        wait_for(lambda: value(look(), "runners", "healthy") == 1)
        client.force_breaker("queue", "open", "a test")
        wait_for(lambda: value(look(), "executors_unhealthy", "test", "task_claimer", "test") > 0)
        client.release_breaker("queue", "over")

        def failed() -> bool:
            end(database, "%test pool")
            found = look()
            ratios = found["tasker_executor_error_ratio"].values()
            opened = found["tasker_circuit_breaker_opened"].values()
            return any(ratios) and any(opened)

        wait_for(failed, "failing calls")
        rows(database, "update tasker.tasks set open_sinks = open_sinks + 1 returning true")
        wait_for(lambda: look()["tasker_invariant_violations"])
    assert step_named(client, paused, "a").result == 1


def end(database: str, application: str) -> None:
    """End the connections of an application."""
    rows(
        database,
        "select count(pg_terminate_backend(pid)) from pg_stat_activity"
        " where application_name like %s and datname = current_database()",
        application,
    )


class TestRunners:
    def test_tell_what_they_count(
        self,
        database: str,
        client: Client,
        web: httpx.Client,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(control, "CHECK_EVERY", 0.2)
        registry, go_on = Registry(), threading.Event()

        @registry.handler("a")
        def handle(step: Step) -> None:
            go_on.wait(SECONDS)
            if step.context["fails"]:
                raise ValueError("no")

        client.register_template(template({"a": []}, retry={"max_attempts": 1}))
        client.create_tasks("test", "flow", [{"fails": n < 3} for n in range(20)])
        slots = ("test", "task_claimer", "test")
        more = {"executor_pools.task_claimer.min": 1, "executor_pools.task_claimer.max": 4}
        more |= {f"circuit_breakers.{name}.failures": 1 for name in ("database", "queue")}

        def all_run() -> Scraped | None:
            found = scrape(web)
            runs = value(found, "executor_activity", "running", *slots)
            return found if runs == 4 else None

        with running(database, registry, ["test"], more=more):
            found = wait_for(all_run)
            assert value(found, "executor_activity", "waiting", *slots) == 0
            assert value(found, "executor_activity", "hung", *slots) == 0
            assert value(found, "executor_scaling_events", "up", *slots) >= 1
            go_on.set()
            name = "handler_duration_seconds"

            def took(part: str, *labels: str) -> float:
                return value(scrape(web), name, "a", *labels, "test", part=part)

            wait_for(lambda: took("_count", "test", "complete") == 17)
            wait_for(lambda: took("_count", "test", "failed") == 3)
            assert took("_bucket", "+Inf", "test", "failed") == 3
            assert 0 < took("_sum", "test", "complete") < 17 * SECONDS
            wait_for(lambda: value(scrape(web), "executor_scaling_events", "down", *slots) > 0)

            changes = value(scrape(web), "executor_health_changes", *slots)
            client.force_breaker("queue", "open", "a test")
            wait_for(lambda: value(scrape(web), "executor_health_changes", *slots) > changes)
            client.release_breaker("queue", "over")

            recovery = "tasker_circuit_breaker_recovery_seconds"

            def recovered() -> bool:
                end(database, "tasker-sql/%test pool")
                found = scrape(web)[recovery]
                return any(
                    seconds for (kind, *_), seconds in found.items() if kind == f"{recovery}_sum"
                )

            wait_for(recovered, "a recovery")
            assert any(
                count for (kind, *_), count in scrape(web)[recovery].items() if "_count" in kind
            )
            wait_for(lambda: value(scrape(web), "invariant_checks", "test") >= 3)
            assert not scrape(web)["tasker_invariant_violations"]
            rows(database, "update tasker.tasks set open_sinks = open_sinks + 1 returning true")
            wait_for(lambda: scrape(web)["tasker_invariant_violations"])
        assert not scrape(web)[f"tasker_{name}"], "those of runners that have stopped are gone"


class TestMonitoring:
    """What the examples ask for is there."""

    @pytest.fixture
    def known(self, web: httpx.Client) -> set[str]:
        text = web.get("/metrics").text
        return {
            f"{family.name}{suffix}"
            for family in text_string_to_metric_families(text)
            for suffix in SUFFIXES[family.type]
        }

    def test_the_dashboard(self, known: set[str]) -> None:
        board = json.loads((MONITORING / "dashboard.json").read_text())
        asked = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
        check(asked, known)
        places = [panel["gridPos"] for panel in board["panels"]]
        cells = [
            (x, y)
            for place in places
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        ]
        assert len(cells) == len(set(cells)) and max(x for x, _ in cells) == 23

    def test_the_alerts(self, known: set[str]) -> None:
        groups = yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        check([rule["expr"] for rule in rules], known)
        for rule in rules:
            assert {"alert", "expr", "for", "labels", "annotations"} <= rule.keys()
            assert rule["annotations"].keys() == {"summary", "description"}

    def test_the_table_in_docs(self, web: httpx.Client) -> None:
        made = [
            f"| `{family.name}{SUFFIXES[family.type][0] if family.type == 'counter' else ''}` "
            f"| {family.type} | {family.documentation} |"
            for family in text_string_to_metric_families(web.get("/metrics").text)
        ]
        written = re.findall(r"^\| `tasker_.*$", (ROOT / "docs/http.md").read_text(), re.MULTILINE)
        assert written == made, "\n".join(made)


def check(asked: list[str], known: set[str]) -> None:
    assert asked
    for expression in asked:
        names = re.findall(r"\btasker_\w+", expression)
        assert names and set(names) <= known, expression
        assert expression.count("(") == expression.count(")"), expression
