"""The HTTP API against its own description, by what schemathesis makes of that."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from running import client_of, running, template, wait_for
from serving import serving

from tasker_sql.worker.handlers import Registry

TOKEN = "token of the test"
EXCLUDED = (
    "positive_data_acceptance",  # what the database takes of a text, no schema says
    "allow_header_conformance",  # names the methods of one route where two share a path
)


@pytest.mark.newest
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_it_does_as_it_says(database: str, tmp_path: Path) -> None:
    """No defects, no other statuses, types or shapes than described, nothing wrong is taken, and
    nobody is let in without a token."""
    token = {
        f"auth.{name}": [hashlib.sha256(TOKEN.encode()).hexdigest()]
        for name in ("read", "create", "operate")
    }
    registry = Registry()
    registry.handler("a")(lambda _: None)
    with client_of(database) as client, running(database, registry, ["test"]):
        client.register_template(template({"a": []}))
        with serving(database, token) as web:
            headers = {"Authorization": f"Bearer {TOKEN}"}
            wait_for(lambda: web.get("/health/orchestration", headers=headers).status_code == 200)
            paths = web.get("/api-docs/openapi.json").json()["paths"]
            done = subprocess.run(
                [
                    *(Path(sys.executable).parent / "st", "run"),
                    f"{web.base_url}/api-docs/openapi.json",
                    *("--header", f"Authorization: Bearer {TOKEN}"),
                    *("--exclude-checks", ",".join(EXCLUDED)),
                    *("--phases", "coverage,fuzzing", "--max-examples", "3", "--seed", "1"),
                    "--no-color",
                ],
                cwd=tmp_path,
                capture_output=True,
                text=True,
                check=False,
            )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        operations = sum(len(methods) for methods in paths.values())
        assert f"Tested: {operations}\n" in done.stdout
        assert client.check_invariants() == []
