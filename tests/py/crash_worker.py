"""A worker that the crash test kills: python crash_worker.py DSN NAME batch|single FILE.

It writes a line to FILE for each step whose completion was confirmed to it: step and token.
A call whose answer was lost is made again, as a worker should.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Callable
from typing import Any, LiteralString

import psycopg
from psycopg import Connection

LEASE = "500 milliseconds"
HANDLER = 0.02  # seconds that a handler takes at most

Found = list[tuple[Any, ...]]


class Worker:
    def __init__(self, dsn: str, name: str, confirmed: str) -> None:
        self.dsn, self.name = dsn, name
        self.confirmed = os.open(confirmed, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.connection: Connection | None = None

    def call(self, work: Callable[[Connection], Found]) -> Found | None:
        """Do the work in a transaction, again and again until an answer comes; None: refused."""
        while True:
            try:
                if self.connection is None or self.connection.closed:
                    self.connection = psycopg.connect(self.dsn, application_name=self.name)
                with self.connection.transaction():
                    return work(self.connection)
            except psycopg.OperationalError:
                time.sleep(0.02)
            except psycopg.Error as error:
                if error.sqlstate != "TK001":
                    raise
                return None

    def confirm(self, step: str, token: str) -> None:
        os.write(self.confirmed, f"{step} {token}\n".encode())

    def single(self) -> None:
        """Claim one step, and complete it together with what it does."""
        claim: LiteralString = (
            f"select step_uuid::text, token::text from tasker.claim_steps('test', %s, 1, '{LEASE}')"
        )
        found = self.call(lambda c: c.execute(claim, [self.name]).fetchall())
        for step, token in found or []:
            time.sleep(random.random() * HANDLER)

            def complete(connection: Connection, step: str = step, token: str = token) -> Found:
                connection.execute(
                    "insert into public.effects select %s where not exists"
                    " (select from tasker.steps where step_id = tasker._step_id(%s)"
                    " and claim_token = %s and state = 'complete')",
                    [step, step, token],
                )
                query = 'select step_state from tasker.complete_step(%s, %s, \'{"by": "single"}\')'
                return connection.execute(query, [step, token]).fetchall()

            if self.call(complete):
                self.confirm(step, token)

    def batch(self) -> None:
        """Report steps and claim the next in one call, a few at a time."""
        call: LiteralString = (
            "select step_uuid::text, token::text"
            f" from tasker.finish_and_claim('test', %s, %s, %s, %s, '{LEASE}')"
        )
        token: str | None = None
        outcomes: list[dict[str, Any]] = []
        for _ in range(20):
            given = [self.name, token, json.dumps(outcomes), random.randint(1, 6)]
            found = self.call(lambda c, given=given: c.execute(call, given).fetchall())  # type: ignore[misc]
            if found is not None and token is not None:
                for outcome in outcomes:
                    if "error" not in outcome:
                        self.confirm(outcome["step_uuid"], token)
            token, outcomes = None, []
            for step, token in found or []:  # noqa: B007
                time.sleep(random.random() * HANDLER)
                outcomes.append({"step_uuid": step})
                if random.random() < 0.1:
                    outcomes[-1] |= {"error": "no"}
            if not found:
                return


def main(dsn: str, name: str, mode: str, confirmed: str) -> None:
    worker = Worker(dsn, name, confirmed)
    while True:
        getattr(worker, mode)()
        time.sleep(0.005)


if __name__ == "__main__":
    main(*sys.argv[1:])
