"""Faults of all kinds while a fleet works: nothing is lost, done twice or left behind.

`python -m chaos` does the same for much longer, and with more kinds.
"""

from __future__ import annotations

from collections import Counter

import pytest
from chaos import campaign, faults_process, faults_queue
from chaos.campaign import Total
from chaos.episode import Plan
from chaos.judge import Verdict
from chaos.kinds import load

pytestmark = [pytest.mark.newest, pytest.mark.timeout(600)]

KINDS = {
    name: kind
    for name, kind in load().items()
    if kind.__module__ in (faults_process.__name__, faults_queue.__name__)
}
EACH = 10  # faults of the usual kind
EPISODES = 4
AT_ONCE = 2
STEPS = 1_500
FAULTS = 300  # that must land

MIXED = [
    Plan(seed, {name: campaign.share(KINDS[name], EACH) for name in names}, STEPS)
    for seed in range(EPISODES)
    if (names := sorted(KINDS)[seed::EPISODES])
]
QUIET = Plan(100, {}, 500, lease=10.0)

# Each engine has one guard less, and meets a kind of fault that this guard is there for.
SABOTAGE = {
    "a stale token may complete a step": (
        "worker frozen past its lease in the handler",
        "complete_step",
        ("perform tasker._stale(p_token, array[v_step_id]);", "null;"),
        "too many effects",
    ),
    "a claim is never taken back": (
        "worker killed in the handler",
        "_sweep_claims",
        ("v_count := v_count + tasker._take_back(v_token, p_now);", "null;"),
        "every task ends",
    ),
    "a message is believed": (
        "messages duplicated",
        "_start",
        ("       and step.state = 'enqueued'\n    returning", "    returning"),
        "step enqueued -> in_progress after in_progress",
    ),
    "a lost message is never missed": (
        "messages deleted",
        "_sweep_messages",
        ("interval '5 seconds'", "interval '5 hours'"),
        "every task ends",
    ),
}
BROKEN = {
    what: Plan(
        200 + number,
        {kind: 4},
        steps=200,
        patience=12.0,
        sabotage={function: change},
    )
    for number, (what, (kind, function, change, _)) in enumerate(SABOTAGE.items())
}


@pytest.fixture(scope="module")
def verdicts() -> dict[int, Verdict]:
    """What came of all episodes, by seed: two are played at a time."""
    plans = [*MIXED, QUIET, *BROKEN.values()]
    return {verdict.seed: verdict for verdict in campaign.run(plans, KINDS, AT_ONCE)}


def test_all_promises_are_kept(verdicts: dict[int, Verdict]) -> None:
    total = Total([verdicts[plan.seed] for plan in MIXED])
    print(total.table())
    assert total.findings == []
    for plan in MIXED:
        landed = verdicts[plan.seed].landed
        assert landed >= Counter(plan.faults), "a kind did not land as often as asked"
    assert len(total.landed) >= 12
    assert total.landed.total() >= FAULTS
    assert total.repeated > 20, "faults that harm nobody"
    assert total.explained.total() == total.repeated


def test_without_faults_nothing_starts_twice(verdicts: dict[int, Verdict]) -> None:
    quiet = verdicts[QUIET.seed]
    assert quiet.findings == []
    assert quiet.landed.total() == 0
    assert quiet.repeated == 0
    assert quiet.steps >= QUIET.steps


@pytest.mark.parametrize("what", SABOTAGE)
def test_the_judge_notices_that(what: str, verdicts: dict[int, Verdict]) -> None:
    expected = SABOTAGE[what][-1]
    findings = verdicts[BROKEN[what].seed].findings
    assert any(expected in finding for finding in findings), findings
