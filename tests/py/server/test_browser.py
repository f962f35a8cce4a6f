"""The pages in a real browser, at three widths, light and dark. Skipped where there is no browser.

With TASKER_TEST_PICTURES, the pictures are left in that folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from browser import Tab, browsing, program
from running import client_of, template
from serving import serving

from tasker_sql.client import Client

BROWSER: Final = program()
WIDTHS: Final = (390, 900, 1600)
TRACEBACK: Final = """Traceback (most recent call last):
  File "/srv/shop/handlers.py", line 41, in charge
    raise CardError(f"card {order['card']} was refused")
"""

pytestmark = [
    pytest.mark.newest,
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium here: apt-get install chromium"),
]


def scene(client: Client) -> list[str]:
    """A task in each state that matters; the pages that show it."""
    order = {
        "check": [],
        "reserve_stock": ["check"],
        "charge_card": ["check"],
        "pack": ["reserve_stock"],
        "ship": ["pack", "charge_card"],
        "tell_customer": ["ship"],
    }
    client.register_template(template(order, name="process_order", namespace="shop"))
    client.register_template(template({"make": [], "send": ["make"]}, name="monthly_report"))
    context = {"order": 4711, "customer": {"name": "Ada", "city": "Łódź"}, "password": "hunter2"}
    tasks = [
        client.create_task("shop", "process_order", context, tags=["eu", "web"]).task_uuid
        for _ in range(3)
    ]
    client.create_task("test", "monthly_report", {"text": "x" * 100_000})
    for _ in range(3):
        (step,) = client.claim_steps("shop", "worker-1@db1")
        client.complete_step(step.step_uuid, step.token, {"checked": True, "lines": [1, 2, 3]})
    error = {"class": "CardError", "message": "card 1234 was refused", "traceback": TRACEBACK}
    for step in client.claim_steps("shop", "worker-1@db1", 3):
        if step.name == "charge_card":
            client.fail_step(step.step_uuid, step.token, error, retryable=False)
        else:
            client.complete_step(step.step_uuid, step.token, {"reserved": 3})
    answer = {"ok": {"type": "boolean"}, "why": {"enum": ["price", "stock"]}, "limit": {}}
    wait: dict[str, Any] = {
        "signal": "approved",
        "prompt": "Pay out to {{name}}?",
        "timeout": "P1D",
    }
    wait["schema"] = {"type": "object", "properties": answer, "required": ["ok"]}
    steps = [{"name": "approval", "wait": wait}, {"name": "pause", "wait": {"for": "PT1H"}}]
    client.register_template({**template({}, name="payout", namespace="shop"), "steps": steps})
    client.create_task("shop", "payout", {"name": "Ada"})
    nightly = {"template": "monthly_report", "cron": "0 3 1 * *", "time_zone": "Europe/Warsaw"}
    client.put_schedule("test", "monthly", nightly)
    client.trigger_schedule("test", "monthly", "the first one")
    client.pause_namespace("test", "the printer is on fire")
    failed = [one for one in tasks if client.get_task(one).failed_steps]
    (bad, *_) = [one for one in client.get_task_steps(failed[0]) if one.state == "error"]
    pages = [
        "",
        "tasks?state=&namespace=shop",
        "failures",
        "waits",
        "schedules",
        "queues",
        "workers",
        "database",
        "audit",
    ]
    pages.append("schedules/test/monthly")
    return [*pages, f"tasks/{failed[0]}", f"steps/{bad.step_uuid}", "tasks?bogus=1"]


@pytest.fixture
def tab(tmp_path: Path) -> Iterator[Tab]:
    assert BROWSER is not None
    with browsing(BROWSER, tmp_path / "profile") as tab:
        yield tab


@pytest.fixture
def web(database: str) -> Iterator[Any]:
    with client_of(database) as client:
        pages = scene(client)
        with serving(database) as web:
            yield str(web.base_url), pages


def test_fit_every_width_and_ask_no_other_host(
    tab: Tab, web: tuple[str, list[str]], tmp_path: Path
) -> None:
    url, pages = web
    folder = Path(os.environ.get("TASKER_TEST_PICTURES", tmp_path))
    for number, page in enumerate(pages):
        for width in WIDTHS:
            dark = (number + WIDTHS.index(width)) % 2 == 1
            tab.open(f"{url}/{page}", width, dark)
            tab.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
            tab.picture(
                folder
                / f"{page.partition('?')[0].partition('/')[0] or 'problems'}-{number}-{width}.png"
            )
            wide = tab.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{page} at {width} is {wide} wide"
            assert tab.evaluate("document.styleSheets.length") == 1
            assert tab.evaluate("getComputedStyle(document.body).colorScheme") is not None
    assert {urlsplit(one).netloc for one in tab.asked if not one.startswith("data:")} == {
        urlsplit(url).netloc
    }
    assert [one for one in tab.complaints if "400" not in one] == []


CONTRASTS: Final = """
(() => {
  const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (rgb) => { const [r, g, b] = rgb.slice(0, 3).map((v) => {
    v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = (one) => { for (; one; one = one.parentElement) {
    const found = numbers(getComputedStyle(one).backgroundColor);
    if (found.length < 4 || found[3] > 0) return found; } return [255, 255, 255]; };
  const poor = [];
  for (const one of document.querySelectorAll("body *:not(svg *)")) {
    const own = [...one.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !one.checkVisibility()) continue;
    const [a, b] = [light(numbers(getComputedStyle(one).color)), light(behind(one))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push(`${one.tagName}.${one.className} ${ratio.toFixed(1)}`);
  }
  return [...new Set(poor)];
})()
"""


def test_can_be_read_and_used_without_a_mouse(tab: Tab, web: tuple[str, list[str]]) -> None:
    url, pages = web
    for page in pages:
        for dark in (False, True):
            tab.open(f"{url}/{page}", 900, dark)
            assert tab.evaluate(CONTRASTS) == [], page
    task = next(page for page in pages if page.startswith("tasks/"))
    tab.open(f"{url}/{task}", 900)
    reached = set()
    for _ in range(60):
        tab.press("Tab", 9)
        reached.add(tab.evaluate("document.activeElement.tagName"))
        if tab.evaluate("document.activeElement.textContent.trim()") == "cancel task":
            break
    assert {"A", "SUMMARY"} <= reached
    tab.press("Enter", 13, "\r")
    assert tab.evaluate("document.activeElement.parentElement.open")
