"""How a worker reports outcomes: together, again until it is answered, and one by one when a report
is refused, so that only the step that caused it pays for it."""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tasker_sql.circuit import backoff
from tasker_sql.errors import TaskerError, UnreadableError
from tasker_sql.jsonb import JsonText
from tasker_sql.rows import ClaimedStep
from tasker_sql.verdict import Verdict, Whose
from tasker_sql.worker import outcomes
from tasker_sql.worker.attempt import Attempt, count_late_write
from tasker_sql.worker.claims import Claim, Claims, Finished, WorkerCalls
from tasker_sql.worker.outcomes import Failure, Result
from tasker_sql.worker.slots import Slots

REPORT_DELAY: Final = 0.005  # seconds that a finished step waits for others to be reported with
LARGEST_REPORT: Final = 8 << 20  # characters
MOST_STEPS: Final = 1000  # of a report
MOST_KEPT: Final = 10  # results that are refused, before a worker claims no more
LOGGED_FOR: Final = 60.0  # seconds in which the same refusal is not logged again

# What is the matter with one of the steps of a report; anything else concerns every call.
ABOUT_REPORTS: Final = {
    *(Whose.CLAIM, Whose.NOBODY, Whose.RESULT, Whose.CALLER, Whose.WRITES, Whose.OTHERS)
}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Report:
    """A call that was sent, and must be repeated as it was until it is answered."""

    claim: Claim
    finished: list[Finished]
    limit: int


class Reports:
    """Reports outcomes, and with the last report of a namespace claims what comes next."""

    def __init__(self, calls: WorkerCalls, claims: Claims) -> None:
        self.hurries = False  # there is not much time any more
        self.unsent: Report | None = None
        self._calls = calls
        self._claims = claims
        self._logged: dict[str, float] = {}  # refusals, and when

    def add(self, claim: Claim, attempt: Attempt, outcome: Result | Failure, now: float) -> None:
        if isinstance(outcome, Failure):
            extra = {"traceback": outcome.traceback}
            log.warning("%s failed: %s", attempt, outcome.note, extra=extra)
        if not claim.finished:
            claim.finished_since = now
        claim.finished.append(Finished(attempt, outcome))

    @property
    def kept(self) -> int:
        """How many results are refused, and kept."""
        claims = self._claims.all.values()
        return sum(one.refusals > 0 for claim in claims for one in claim.finished)

    def hurry(self, now: float) -> None:
        """Send what is kept now, and again at least every second."""
        self.hurries = True
        for claim in self._claims.all.values():
            for one in claim.finished:
                one.again_at = min(one.again_at, now)

    def due_at(self) -> float:
        """When the next report is due."""
        return min(
            (
                max(claim.finished_since + REPORT_DELAY, one.again_at)
                for claim in self._claims.all.values()
                for one in claim.finished
            ),
            default=math.inf,
        )

    def send(
        self, now: float, limit: Callable[[Slots, int], int]
    ) -> Iterator[tuple[Report, Sequence[ClaimedStep]]]:
        """Send what is due; each report that was answered, with the steps that it claimed.

        Raises what concerns every call: then the report is sent again as it was.
        """
        if self.unsent:
            yield from self._send(self.unsent)
        due = [claim for claim in self._claims.all.values() if _is_due(claim, now)]
        last = {claim.slots: claim for claim in due}
        for claim in due:
            while part := _part(claim, now):
                claims = last[claim.slots] is claim and len(part) == len(claim.finished)
                self.unsent = Report(claim, part, limit(claim.slots, len(part)) if claims else 0)
                yield from self._send(self.unsent)

    def _send(self, report: Report) -> Iterator[tuple[Report, Sequence[ClaimedStep]]]:
        claim, parts = report.claim, [one.outcome.report for one in report.finished]
        text = JsonText(f"[{','.join(parts)}]")
        try:
            steps = self._calls.finish(claim.slots.namespace, claim.token, text, report.limit)
        except UnreadableError:
            self._done(report)
            raise
        except TaskerError as error:
            if error.verdict.whose not in ABOUT_REPORTS:
                raise
            self.unsent = None  # nothing of it was done
            if len(report.finished) > 1:
                log.info("%s; reporting one by one", error)
                for one in report.finished:
                    one.alone = True
            else:
                self._refused(report, report.finished[0], error)
            return
        self._done(report)
        yield report, steps

    def _refused(self, report: Report, one: Finished, error: TaskerError) -> None:
        """The report of one step was refused. It is dropped when somebody else has the step; the
        step fails when its result alone is the cause; else it is kept, and sent again."""
        attempt, verdict = one.attempt, error.verdict
        if verdict.whose is Whose.CLAIM:
            why = self._calls.make(lambda client: count_late_write(attempt, client))
            log.warning("dropped the result of %s: %s", attempt, why or error)
            self._claims.forget(report.claim, [attempt])
        elif verdict.whose is Whose.NOBODY:
            self._done(report)
        elif verdict.whose is Whose.RESULT and one.blamed < 2:
            one.alone, one.blamed = True, one.blamed + 1
            if one.blamed == 2:
                one.outcome = outcomes.refused(attempt.step.step_uuid, error)
                log.warning("%s failed: %s", attempt, one.outcome.note)
        else:
            one.alone = True
            one.refusals += 1
            pause = backoff(one.refusals, random.random(), base=0.1, cap=self.longest(verdict))
            one.again_at = time.monotonic() + pause
            self._calls.breakers.queue.troubles.note(
                "reports_refused", str(error), time.monotonic()
            )
            self.tell(f"worker {attempt.worker}", error, "results are kept, and sent again")

    def _done(self, report: Report) -> None:
        self.unsent = None
        for one in report.finished:
            report.claim.slots.reported(one.outcome)
        self._claims.forget(report.claim, [one.attempt for one in report.finished])

    # What is refused

    def longest(self, verdict: Verdict) -> float:
        """The longest pause before a call is made again."""
        return min(verdict.longest, 1.0) if self.hurries else verdict.longest

    def tell(self, who: str, error: TaskerError, what: str) -> None:
        """Say once what is refused, and what is done about it."""
        self.say(f"{who}: {error} ({error.sqlstate}); {what}")

    def say(self, what: str) -> None:
        """Say it, unless it was said a moment ago."""
        now = time.monotonic()
        if now - self._logged.get(what, -math.inf) > LOGGED_FOR:
            log.error("%s", what)
        self._logged[what] = now


def _is_due(claim: Claim, now: float) -> bool:
    """All its steps are finished, or no other will be soon, or they have waited long enough."""
    if not any(one.again_at <= now for one in claim.finished):
        return False
    complete = len(claim.finished) == len(claim.attempts) or not claim.slots.busy
    return complete or claim.finished_since + REPORT_DELAY <= now


def _part(claim: Claim, now: float) -> list[Finished]:
    """What one call may report now: all that may be reported together, or one that may not."""
    ready = [one for one in claim.finished if one.again_at <= now]
    together = [one for one in ready if not one.alone][:MOST_STEPS]
    size = 0
    for count, one in enumerate(together):
        size += len(one.outcome.report)
        if count and size > LARGEST_REPORT:
            return together[:count]
    return together or ready[:1]
