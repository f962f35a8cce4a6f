"""Networks and servers fail while a fleet works: nothing is lost, done twice or left behind."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
from chaos import campaign, small_disk
from chaos.campaign import Total
from chaos.episode import Plan
from chaos.kinds import load

pytestmark = [pytest.mark.newest, pytest.mark.timeout(600)]

KINDS = load()
AT_ONCE = 2
FULL = "disk full of data"  # on a disk of its own
EPISODES: list[dict[str, int]] = [
    {
        "connection cut before the commit": 20,
        "connection cut after the commit, before its reply": 20,
        "connection cut while a call runs": 10,
        "connections frozen past the lease": 4,
        "half-open: the client vanished in its transaction": 4,
        "half-open: the server vanished": 2,
    },
    {"all connections cut at once": 3, "slow network": 3},
    {
        "all connections terminated by pg_terminate_backend": 3,
        "lock_timeout strikes": 2,
        "clock set forward": 2,
    },
    {
        "server stopped immediately, and restarted": 1,
        "postmaster killed, and restarted": 1,
        "backend killed, and with it all others": 1,
        "connection limit reached": 1,
    },
    {"failover to a standby without the last transactions": 1},
    {
        "exclusive lock on the steps": 2,
        "vacuum full of the steps": 1,
        "reindex concurrently of the steps": 1,
        "configuration reloaded": 2,
        "snapshot held open": 1,
        "statement_timeout strikes": 2,
        "dumped and restored": 1,
        "upgraded or downgraded under load": 2,
    },
]
SOME = {
    "connection cut before the commit": 4,
    "connection cut after the commit, before its reply": 4,
    "half-open: the client vanished in its transaction": 1,
    "clock set forward": 1,
    "lock_timeout strikes": 1,
}


def test_all_promises_are_kept(thorough: bool) -> None:
    episodes = EPISODES if thorough else [SOME]
    if thorough and may_mount():
        episodes = [*episodes, {FULL: 1}]
    plans = [Plan(300 + number, faults, 200) for number, faults in enumerate(episodes)]
    total = Total(campaign.run(plans, KINDS, AT_ONCE))
    print(total.table(), *total.findings, sep="\n")
    assert total.findings == []
    assert total.landed >= sum((Counter(faults) for faults in episodes), Counter())
    assert total.explained.total() == total.repeated > (20 if thorough else 0)


def may_mount() -> bool:
    """Whether a disk can be filled here. On Debian, root must be able to."""
    if reason := small_disk.why_not():
        assert os.geteuid() != 0 or not Path("/etc/debian_version").exists(), reason
        print(f"no disk is filled: {reason}")
    return reason is None
