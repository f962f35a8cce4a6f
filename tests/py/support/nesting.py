"""Small workflows in which several abilities meet, and a model that says how they may end.

A play is a DAG of 3 to 8 steps. Members (`MEMBERS`) change it: give a step a condition, let its
handler fail, cancel the task after its second step. The model looks at each step once: how it may
end follows from how its parents ended, and from nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

STOPPABLE = ("success", "full_success")  # what a cancel with cleanup stops


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

    @property
    def definition(self) -> dict[str, Any]:
        retry = {"max_attempts": self.most, "backoff": "none"}
        said: dict[str, Any] = {"name": self.name, "dependencies": self.parents}
        runs = {"handler": {"callable": "h"}, "retry": retry}
        said |= {"wait": self.wait} if self.wait else runs
        said |= {"run_on": self.run_on} if self.run_on != "success" else {}
        said |= {"on_error": self.on_error} if self.on_error != "fail" else {}
        return said | ({"if": self.condition} if self.condition else {})


@dataclass
class Play:
    """A task: its steps, and what an operator does to it when so many attempts have ended."""

    members: tuple[str, ...]
    nodes: dict[str, Node]
    verbs: dict[int, str] = field(default_factory=dict)  # cancel, clean_up, pause, upgrade

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
    late = {"until": "2999-01-01T00:00Z", "timeout": "PT2M"}
    late |= {"on_timeout": random.choice(["fail", "skip", "continue"])}
    node.wait, node.answer = random.choice([{"for": "PT1M"}, late]), ""


def _signal(random: Random, _: Play, node: Node) -> None:
    on_timeout = random.choice(["fail", "skip", "continue"])
    node.wait = {"signal": node.name, "timeout": "PT10M", "on_timeout": on_timeout}
    node.answer = random.choice(["early", "late", ""])
    node.value = {"ok": random.random() < 0.7}
    if random.random() < 0.5:
        node.wait |= {"fail_if": "$.value.ok == false"}


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
    "checkpoint": _starts("save", "saved"),
    "cancel": _verb("cancel"),
    "cleanup": _verb("clean_up"),
    "pause": _verb("pause"),
    "upgrade": _verb("upgrade"),
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
    stopped: bool  # by a cancel


def outcome(node: Node, end: End) -> str:
    if end.state == "complete":
        return "done"
    if end.state == "skipped":
        return "skipped"
    lenient = end.state == "error" and node.on_error == "continue" and not end.stopped
    return "done" if lenient else "failed"


def result(node: Node) -> Any:
    return {"n": int(node.name[1:])}


def waited(node: Node, wait: Mapping[str, Any]) -> End:
    """How a step ends that waits."""
    came = "time" if "for" in wait else "signal" if "signal" in wait and node.answer else "timeout"
    end = wait["on_timeout"] if came == "timeout" else "continue"
    refused = "fail_if" in wait and came == "signal" and not node.value["ok"]
    if end == "fail" or refused:
        return End("skipped" if node.on_error == "skip" else "error", 0, None, stopped=False)
    if end == "skip":
        return End("skipped", 0, None, stopped=False)
    return End("complete", 0, {"outcome": came}, stopped=False)


def by_itself(node: Node) -> End:
    """How a step ends when it runs, or waits."""
    if node.wait:
        return waited(node, node.wait)
    attempt = lost = 0
    for start in [*node.starts, "done"]:
        if start == "sleep":
            continue
        attempt += 1
        if start == "done":
            return End("complete", attempt, result(node), stopped=False)
        if start == "skip":
            return End("skipped", attempt, None, stopped=False)
        if start == "saved":  # what was lost before it counts no more
            attempt -= 1 + lost
        elif start == "fatal" or attempt == node.most:
            state = "skipped" if node.on_error == "skip" else "error"
            return End(state, attempt, None, stopped=False)
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


def expected(play: Play, node: Node, ends: Mapping[str, End]) -> End:
    """How a step ends that nobody cancels, from how its parents ended."""
    kinds = [outcome(play.nodes[name], ends[name]) for name in node.parents]
    if not play.gated:  # a failure ends the task, and what is behind it stays
        held = [name for name in node.parents if ends[name].state not in ("complete", "skipped")]
        if held:
            return End("pending", 0, None, stopped=False)
        kinds = [kind if kind == "skipped" else "done" for kind in kinds]
    stays = {
        "success": bool(kinds) and "done" not in kinds,
        "full_success": "skipped" in kinds,
        "failure": "failed" not in kinds,
        "end": False,
    }
    if node.run_on in STOPPABLE and "failed" in kinds:
        return End("upstream_failed", 0, None, stopped=False)
    if stays[node.run_on]:
        return End("skipped", 0, None, stopped=False)
    if node.condition and (met := is_met(node, ends)) is not True:
        return End("skipped" if met is False else "error", 0, None, stopped=False)
    return by_itself(node)


def differences(play: Play, ends: Mapping[str, End], state: str) -> list[str]:
    """What of a task's end the model does not allow."""
    found = []
    wanted = "error" if any(end.state == "error" for end in ends.values()) else "complete"
    if state != wanted and not (state == "cancelled" and play.verbs):
        found.append(f"the task is {state}, not {wanted}")
    for name, node in play.nodes.items():
        end = ends[name]
        if end.state == "cancelled" and state == "cancelled":
            continue
        if end.stopped and "clean_up" in play.verbs.values() and node.run_on in STOPPABLE:
            continue
        if end.state == "pending" and state == "error" and not play.gated:
            continue
        if end != (model := expected(play, node, ends)):
            found.append(f"{name} is {end}, not {model}")
    return found
