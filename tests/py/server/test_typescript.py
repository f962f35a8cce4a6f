"""A client in TypeScript, its types made from the description of a server, against that server.

Its packages come from npm, once. Skipped where there is no Node.js, or no way to them.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

import downloads
import pytest
from running import client_of, running, template
from serving import serving

from tasker_sql.worker.handlers import Registry

EXAMPLE: Final = Path(__file__).parents[3] / "examples" / "typescript"
TYPES: Final = ("openapi.json", "--default-non-nullable", "false", "-o", "tasker.d.ts")
OPTIONS: Final = ("--strict", "--target", "es2022", "--module", "nodenext", "orders.ts")

pytestmark = [pytest.mark.newest, pytest.mark.slow]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The example, with the packages that it needs."""
    if downloads.node() is None:
        pytest.skip("no Node.js here: apt-get install nodejs npm")
    try:
        packages = downloads.packages_of(EXAMPLE / "package.json")
    except downloads.UnavailableError as error:
        pytest.skip(f"the packages cannot be had: {error}")
    for name in ("package.json", "orders.ts"):
        shutil.copy(EXAMPLE / name, tmp_path)
    (tmp_path / "node_modules").symlink_to(packages)
    return tmp_path


def run(folder: Path, program: str, *arguments: str) -> str:
    """What a program of Node.js prints: a file of ours, or one of the packages."""
    place = folder / program
    if not place.exists():
        place = folder / "node_modules" / program
    command = [str(downloads.node()), str(place), *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_a_client_made_from_the_description_works(database: str, folder: Path) -> None:
    registry = Registry()
    registry.handler("check")(lambda step: step.context["order"])
    registry.handler("ship")(lambda step: step.results["check"])
    with client_of(database) as client:
        steps: dict[str, list[str]] = {"check": [], "ship": ["check"]}
        client.register_template(template(steps, name="process_order", namespace="shop"))
        client.create_tasks(
            "shop", "process_order", [{"order": n} for n in range(3)], {"tags": ["web"]}
        )
        with serving(database) as web, running(database, registry, ["shop"]):
            (folder / "openapi.json").write_text(web.get("/api-docs/openapi.json").text)
            run(folder, "openapi-typescript/bin/cli.js", *TYPES)
            run(folder, "typescript/bin/tsc", *OPTIONS)
            url = str(web.base_url)
            first = run(folder, "orders.js", url).splitlines()
            again = run(folder, "orders.js", url).splitlines()
    assert (first[0], again[0]) == ("created true", "created false")
    assert first[1] == "task pending" and "ship complete" in first and "task complete" in first
    assert sum(line.startswith("listed ") for line in first) == 4
    assert first[-1] == "refused 404 not_found"
