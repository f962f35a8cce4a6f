"""Small workflows in which several abilities meet, and a model that says how they may end.

A play is a DAG of 3 to 8 steps. Members (`MEMBERS`) change it: give a step a condition, let its
handler fail, cancel the task after its second step. The model looks at each step once: how it may
end follows from how and when its parents ended, and from nothing else. Its clock counts minutes
from when the task is made: a handler takes none, but it may sleep.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from random import Random
from typing import Any

STOPPABLE = ("success", "full_success")  # what a cancel with cleanup stops, and a deadline
SLEEP = 60  # minutes


@dataclass
class Node:
    """A step: what its template says, and what its handler comes to at each start."""

    name: str
    parents: list[str]
    run_on: str = "success"
    on_error: str = "fail"
    condition: str = ""
    most: int = 3  # attempts
    # What comes of each start, and after these: done. saved and save are lost and fail after a
    # checkpoint.
    starts: list[str] = field(default_factory=list)
    wait: dict[str, Any] | None = None  # instead of a handler
    answer: str = ""  # early, late: when somebody sends its signal; else nobody does
    value: Any = None
    within: int = 0  # minutes: its finish_within

    @property
    def definition(self) -> dict[str, Any]:
        retry = {"max_attempts": self.most, "backoff": "none"}
        said: dict[str, Any] = {"name": self.name, "dependencies": self.parents}
        runs = {"handler": {"callable": "h"}, "retry": retry}
        said |= {"wait": self.wait} if self.wait else runs
        said |= {"run_on": self.run_on} if self.run_on != "success" else {}
        said |= {"on_error": self.on_error} if self.on_error != "fail" else {}
        said |= {"finish_within": f"PT{self.within}M"} if self.within else {}
        return said | ({"if": self.condition} if self.condition else {})


@dataclass
class Play:
    """A task: its steps, and what an operator does to it when so many attempts have ended."""

    members: tuple[str, ...]
    nodes: dict[str, Node]
    verbs: dict[int, str] = field(default_factory=dict)  # cancel, clean_up, pause, upgrade
    deadline: int = 0  # minutes
    on_deadline: str = "fail"
    scheduled: bool = False  # a schedule makes it

    @property
    def definition(self) -> dict[str, Any]:
        steps = {"steps": [node.definition for node in self.nodes.values()]}
        late = {"deadline": f"PT{self.deadline}M", "on_deadline": self.on_deadline}
        return steps | late if self.deadline else steps

    @property
    def cancelled(self) -> bool:
        """Whether somebody cancels it at some moment."""
        return bool({"cancel", "clean_up"} & {*self.verbs.values()})

    @property
    def gated(self) -> bool:
        keys = {key for node in self.nodes.values() for key in node.definition}
        return bool(keys & {"run_on", "if", "on_error"})


# Members -----------------------------------------------------------------------------------------


def _condition(random: Random, _: Play, node: Node) -> None:
    node.condition = random.choice(
        ["$.context.a > 1", "$.context.a > 2", "$.context.b > 1", "lax $.context.b > 1"]
        + [f'$.states.{name} == "complete"' for name in node.parents]
        + [f"$.results.{name}.n > 1" for name in node.parents]
    )


def _run_on(random: Random, play: Play, node: Node) -> None:
    node.run_on = random.choice(["full_success", "failure", "end"])
    if node.parents and random.random() < 0.7:
        play.nodes[random.choice(node.parents)].starts = ["fatal"]


def _on_error(random: Random, _: Play, node: Node) -> None:
    node.on_error = random.choice(["continue", "skip"])
    node.starts += [random.choice(["fatal", "lost"])]


def _starts(*kinds: str) -> Callable[[Random, Play, Node], None]:
    def change(random: Random, _: Play, node: Node) -> None:
        node.starts += random.choices(kinds, k=random.randint(1, 3))

    return change


def _verb(kind: str) -> Callable[[Random, Play, Node], None]:
    def change(random: Random, play: Play, _: Node) -> None:
        play.verbs[random.randint(0, len(play.nodes) // 2)] = kind

    return change


def _wait(random: Random, _: Play, node: Node) -> None:
    """For a time; or until a moment that comes too late."""
    late = {"until": "2999-01-01T00:00Z", "timeout": "PT2H"}
    late |= {"on_timeout": random.choice(["fail", "skip", "continue"])}
    node.wait, node.answer = random.choice([{"for": "PT1H"}, late]), ""


def _signal(random: Random, _: Play, node: Node) -> None:
    on_timeout = random.choice(["fail", "skip", "continue"])
    node.wait = {"signal": node.name, "timeout": "PT10H", "on_timeout": on_timeout}
    node.answer = random.choice(["early", "late", ""])
    node.value = {"ok": random.random() < 0.7}
    if random.random() < 0.5:
        node.wait |= {"fail_if": "$.value.ok == false"}


def _finish_within(random: Random, play: Play, node: Node) -> None:
    node.within = random.choice([30, 60, 90])
    _sleepily(random, play, node)


def _deadline(random: Random, play: Play, node: Node) -> None:
    """Often at the moment at which something else is due, too."""
    play.deadline = random.choice([30, 45, 60, 60, 90, 105])
    play.on_deadline = random.choice(["fail", "fail", "cancel"])
    _sleepily(random, play, node)


def _schedule(_: Random, play: Play, __: Node) -> None:
    play.scheduled = True


def _sleepily(random: Random, _: Play, node: Node) -> None:
    node.starts += ["sleep"] * random.choice([0, 1, 2])


MEMBERS: Mapping[str, Callable[[Random, Play, Node], None]] = {
    "if": _condition,
    "run_on": _run_on,
    "on_error": _on_error,
    "retry": _starts("fail"),
    "timeout": _starts("lost"),
    "skip": _starts("skip"),
    "sleep": _starts("sleep"),
    "wait": _wait,
    "signal": _signal,
    "finish_within": _finish_within,
    "deadline": _deadline,
    "checkpoint": _starts("save", "saved"),
    "cancel": _verb("cancel"),
    "cleanup": _verb("clean_up"),
    "pause": _verb("pause"),
    "upgrade": _verb("upgrade"),
    "schedule": _schedule,
}
CONTEXT = {"a": 2}


def played(random: Random, members: tuple[str, ...]) -> Play:
    """A random play with these members, most of them at one step."""
    nodes: dict[str, Node] = {}
    for number in range(random.randint(3, 8)):
        parents = random.sample(list(nodes), min(random.choice((1, 1, 2, 3)), number))
        nodes[f"s{number}"] = Node(f"s{number}", sorted(parents))
    play = Play(members, nodes)
    names = list(nodes)
    focus = random.choice(names[1:])
    for member in members:
        name = focus if random.random() < 0.6 else random.choice(names)
        MEMBERS[member](random, play, nodes[name])
    return play


# The model ---------------------------------------------------------------------------------------


@dataclass
class End:
    """How a step ended."""

    state: str
    attempts: int
    result: Any
    stopped: str = ""  # by what, when nobody ended it: cancelled, deadline, finish_within
    minutes: float = field(default=0, compare=False)  # after it entered


def outcome(node: Node, end: End) -> str:
    if end.state == "complete":
        return "done"
    if end.state == "skipped":
        return "skipped"
    stopped = end.stopped in ("cancelled", "deadline")  # whatever its on_error says
    lenient = end.state == "error" and node.on_error == "continue" and not stopped
    return "done" if lenient else "failed"


def result(node: Node) -> Any:
    return {"n": int(node.name[1:])}


def stopped(play: Play, node: Node, code: str, attempts: int, minutes: float) -> End:
    """How a step ends whose time is up."""
    if code == "deadline":
        state = "cancelled" if play.on_deadline == "cancel" else "error"
    else:
        state = "skipped" if node.on_error == "skip" else "error"
    return End(state, attempts, None, code, minutes)


def is_limited(play: Play, node: Node) -> bool:
    """Whether the deadline of its task stops a step."""
    return play.deadline > 0 and (node.run_on in STOPPABLE or play.on_deadline == "cancel")


def waited(node: Node, wait: Mapping[str, Any]) -> End:
    """How a step ends that waits."""
    came = "time" if "for" in wait else "signal" if "signal" in wait and node.answer else "timeout"
    minutes = {"signal": 0, "time": 60, "timeout": 600 if "signal" in wait else 120}[came]
    end = wait["on_timeout"] if came == "timeout" else "continue"
    refused = "fail_if" in wait and came == "signal" and not node.value["ok"]
    if end == "fail" or refused:
        return End("skipped" if node.on_error == "skip" else "error", 0, None, minutes=minutes)
    if end == "skip":
        return End("skipped", 0, None, minutes=minutes)
    return End("complete", 0, {"outcome": came}, minutes=minutes)


def by_itself(play: Play, node: Node, entered: float) -> End:
    """How a step ends when it runs, or waits. Of two ends at one moment the first counts (N2)."""
    left = play.deadline - entered if is_limited(play, node) else inf
    most, code = node.within or inf, "finish_within"
    if 0 < left <= most:
        most, code = left, "deadline"
    if node.wait:
        end = waited(node, node.wait)
        return end if end.minutes < most else stopped(play, node, code, 0, most)
    attempt = lost = minutes = 0
    for start in [*node.starts, "done"]:
        if start == "sleep":
            minutes += SLEEP
            if minutes >= most:
                return stopped(play, node, code, attempt, most)
            continue
        attempt += 1
        if start == "done":
            return End("complete", attempt, result(node), minutes=minutes)
        if start == "skip":
            return End("skipped", attempt, None, minutes=minutes)
        if start == "saved":  # what was lost before it counts no more
            attempt -= 1 + lost
        elif start == "fatal" or attempt == node.most:
            state = "skipped" if node.on_error == "skip" else "error"
            return End(state, attempt, None, minutes=minutes)
        lost = lost + 1 if start == "lost" else 0
    raise AssertionError("a step ends")


def is_met(node: Node, ends: Mapping[str, End]) -> bool | None:
    """A condition; None: neither true nor false."""
    if "context" in node.condition:
        lenient = False if node.condition.startswith("lax") else None
        return node.condition == "$.context.a > 1" if "a >" in node.condition else lenient
    name = node.condition.split(".")[2].split()[0]
    if "states" in node.condition:
        return ends[name].state == "complete"
    number = (ends[name].result or {}).get("n")
    return None if number is None else number > 1


def decided(play: Play, node: Node, ends: Mapping[str, End]) -> End | None:
    """How a step ends that does not run, from how its parents ended; None: it runs."""
    kinds = [outcome(play.nodes[name], ends[name]) for name in node.parents]
    if not play.gated:  # a failure ends the task, and what is behind it stays
        held = [name for name in node.parents if ends[name].state not in ("complete", "skipped")]
        if held:
            return End("pending", 0, None)
        kinds = [kind if kind == "skipped" else "done" for kind in kinds]
    stays = {
        "success": bool(kinds) and "done" not in kinds,
        "full_success": "skipped" in kinds,
        "failure": "failed" not in kinds,
        "end": False,
    }
    if node.run_on in STOPPABLE and "failed" in kinds:
        return End("upstream_failed", 0, None)
    if stays[node.run_on]:
        return End("skipped", 0, None)
    if node.condition and (met := is_met(node, ends)) is not True:
        return End("skipped" if met is False else "error", 0, None)
    return None


def is_allowed(
    play: Play, node: Node, ends: Mapping[str, End], end: End, model: End, *, exact: bool
) -> bool:
    """Unless it is exact, the clock may have jumped while a step could have been claimed, or a step
    may have ended earlier: then a deadline may stop it, or no more."""
    if end == model or exact:
        return end == model
    if decided(play, node, ends):
        return False
    if end.stopped in ("deadline", "finish_within"):
        limited = node.within if end.stopped == "finish_within" else is_limited(play, node)
        return bool(limited) and end == stopped(play, node, end.stopped, end.attempts, 0)
    return end == by_itself(play, node, inf)


def differences(play: Play, ends: Mapping[str, End], state: str, *, exact: bool) -> list[str]:
    """What of a task's end the model does not allow."""
    found = []
    wanted = "error" if any(end.state == "error" for end in ends.values()) else "complete"
    may_be_cancelled = play.cancelled or play.on_deadline == "cancel"
    if state != wanted and not (state == "cancelled" and may_be_cancelled):
        found.append(f"the task is {state}, not {wanted}")
    moments: dict[str, float] = {}
    for name, node in play.nodes.items():
        end = ends[name]
        entered = max((moments[parent] for parent in node.parents), default=0)
        model = decided(play, node, ends) or by_itself(play, node, entered)
        moments[name] = entered + model.minutes
        if end.state == "cancelled" and state == "cancelled":
            continue
        cleaned_up = end.stopped == "cancelled" and "clean_up" in play.verbs.values()
        if cleaned_up and node.run_on in STOPPABLE:
            continue
        if end.state == "pending" and state == "error" and not play.gated:
            continue
        if not is_allowed(play, node, ends, end, model, exact=exact):
            found.append(f"{name} is {end}, not {model}")
    return found
