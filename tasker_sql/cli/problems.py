"""`tasker-sql status` and `tasker-sql problems`: what is wrong now."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from tasker_sql.cli.commands import Commands
from tasker_sql.cli.options import MOMENT, TIME, Reason, argument, option
from tasker_sql.cli.output import Output, Part, counted, line
from tasker_sql.cli.query import query
from tasker_sql.client import Client
from tasker_sql.durations import span

app = Commands()


@query(app, watch=True, within=5)
def status(client: Client) -> Output:
    """How the system is, in a paragraph, for people and cron.

    Exit code 1 when something is critical that nobody has acknowledged: `tasker-sql problems` says
    more.

    Example: tasker-sql status --watch 10
    """
    found, runners = client.problems(), client.known_runners()
    counts = client.get_system_health_counts()
    unknown = [one for one in found if not one.acknowledged_by]
    critical = sum(one.severity == "critical" for one in unknown)
    warnings, worst = len(unknown) - critical, next(iter(unknown), None)
    known = len(found) - len(unknown)
    since = counts.oldest_message_at
    age = None if since is None else max(counts.measured_at - since, timedelta())
    live, lost = sum(one.is_live for one in runners), sum(one.state == "lost" for one in runners)
    style = "bold red" if critical else "yellow" if warnings else "green"
    word = "critical" if critical else "attention" if warnings else "well"
    waits = f", the oldest for {span(age)}" if age else ""
    text = (
        f": {counted(counts.open_tasks, 'open task')}, {counts.blocked_tasks} blocked by failures; "
        f"{counted(counts.enqueued_steps, 'step')} queued{waits}, {counts.in_progress_steps} "
        f"running, {counts.waiting_for_retry_steps} waiting to be retried; "
        f"{counted(live, 'live runner')}{f', {lost} lost' if lost else ''}; "
        f"{counted(critical, 'critical problem')}, {counted(warnings, 'warning')}"
        f"{f', {known} acknowledged' if known else ''}"
    )
    if worst:
        text += f"; the worst: {worst.code} {worst.subject}: {worst.problem} -> {worst.cure}"
    facts = {
        "well": not critical,
        "open_tasks": counts.open_tasks,
        "blocked_tasks": counts.blocked_tasks,
        "queued_steps": counts.enqueued_steps,
        "running_steps": counts.in_progress_steps,
        "retrying_steps": counts.waiting_for_retry_steps,
        "oldest_message_age": age,
        "live_runners": live,
        "lost_runners": lost,
        "critical_problems": critical,
        "warnings": warnings,
        "acknowledged": known,
        "worst": worst,
    }
    return Output(facts, line((word, style), text), well=not critical)


@query(app)
def acknowledge(
    client: Client,
    code: Annotated[str, argument("As `problems` prints it.")],
    subject: Annotated[str, argument("Likewise.")],
    reason: Reason,
    until: Annotated[
        datetime | None,
        option("Until when (ISO 8601, UTC without a zone); else until it changes.", **TIME),
    ] = None,
) -> Output:
    """Say that you know of a problem, so that it raises no alarm.

    It stays listed, marked and last, and comes back when it gets worse.

    Example: tasker-sql acknowledge dead_letters "$SUBJECT" -r "a known bug"
    """
    known = client.acknowledge_problem(code, subject, reason, until)
    return Output(known, f"acknowledged: {code} {subject}")


@query(app, watch=True, within=5)
def problems(
    client: Client,
    since: Annotated[
        datetime | None,
        option("Those that began since: 90s, 15m, 2h or 3d ago, or ISO 8601.", **MOMENT),
    ] = None,
) -> Output:
    """What is wrong now, the worst first, each with its cure.

    Among equals the newest first. Exit code 1 when something is critical that nobody has
    acknowledged. `tasker-sql check` compares everything with the invariants, which takes longer.

    Examples:
      tasker-sql problems --watch 5
      tasker-sql problems --since 2h
    """
    found = [
        one for one in client.problems() if since is None or one.since is None or one.since >= since
    ]
    picture: list[Part] = []
    for one in found:
        style = "bold red" if one.severity == "critical" else "yellow"
        picture.append(line((one.severity, style), f"  {one.code}  ", (one.subject, "bold")))
        picture += [f"    {one.problem}", f"    -> {one.cure}"]
        if one.acknowledged_by:
            until = one.acknowledged_until
            how_long = f"until {until:%Y-%m-%d %H:%M}" if until else "until it changes"
            who = f"acknowledged by {one.acknowledged_by} {how_long}"
            picture.append(f"    {who}: {one.acknowledged_reason}")
    well = all(one.severity != "critical" or one.acknowledged_by for one in found)
    return Output(found, picture or "no problems", well)
