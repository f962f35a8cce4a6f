"""Faults of all kinds while a fleet works: nothing is lost, done twice or left behind.

Some faults of each kind; with `--all` many. `python -m chaos` does the same for much longer, and
with more kinds.
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
EPISODES = 4
AT_ONCE = 2
QUIET = Plan(100, {}, 500, lease=10.0)

# Each engine has one guard less, and meets a kind of fault that this guard is there for.
SABOTAGE = {
    "a stale token may complete a step": (
        "worker frozen past its lease in the handler",
        "complete_step",
        (
            "perform tasker._check_repeat(p_token, v_step_id, coalesce(p_repeat, false));",
            "null;",
        ),
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
        "_start_steps",
        ("       and step.state = 'enqueued'\n       and step.xmax = 0\n", ""),
        "step enqueued -> in_progress after in_progress",
    ),
    "a lost message is never missed": (
        "messages deleted",
        "_sweep_messages",
        ("interval '5 seconds' as is_old", "interval '5 hours' as is_old"),
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
def mixed(thorough: bool) -> list[Plan]:
    """Episodes that have all kinds of faults together, ten of the usual kind or two."""
    each, steps = (10, 1_500) if thorough else (2, 400)
    return [
        Plan(seed, {name: campaign.share(KINDS[name], each) for name in names}, steps)
        for seed in range(EPISODES)
        if (names := sorted(KINDS)[seed::EPISODES])
    ]


@pytest.fixture(scope="module")
def verdicts(request: pytest.FixtureRequest, mixed: list[Plan]) -> dict[int, Verdict]:
    """What came of all episodes, by seed: two are played at a time."""
    broken = [
        BROKEN[str(item.callspec.params["what"])]
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.originalname == "test_the_judge_notices_that"
    ]
    plans = [*mixed, QUIET, *broken]
    return {verdict.seed: verdict for verdict in campaign.run(plans, KINDS, AT_ONCE)}


def test_all_promises_are_kept(verdicts: dict[int, Verdict], mixed: list[Plan]) -> None:
    total = Total([verdicts[plan.seed] for plan in mixed])
    print(total.table())
    assert total.findings == []
    for plan in mixed:
        landed = verdicts[plan.seed].landed
        assert landed >= Counter(plan.faults), "a kind did not land as often as asked"
    assert total.landed.keys() == KINDS.keys()
    assert total.repeated > 2 * len(mixed), "faults that harm nobody"
    assert total.explained.total() == total.repeated


def test_without_faults_nothing_starts_twice(verdicts: dict[int, Verdict]) -> None:
    quiet = verdicts[QUIET.seed]
    assert quiet.findings == []
    assert quiet.landed.total() == 0
    assert quiet.repeated == 0
    assert quiet.steps >= QUIET.steps


@pytest.mark.parametrize(
    "what",
    [
        pytest.param(what, marks=[pytest.mark.slow] if number else [])
        for number, what in enumerate(SABOTAGE)
    ],
)
def test_the_judge_notices_that(what: str, verdicts: dict[int, Verdict]) -> None:
    expected = SABOTAGE[what][-1]
    findings = verdicts[BROKEN[what].seed].findings
    assert any(expected in finding for finding in findings), findings
