"""docs/deploy.md is true: its order runs with its roles, its files are what their readers take."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from psycopg.conninfo import make_conninfo
from servers import Server, psql, rows

from tasker_sql import config
from tasker_sql.schema.embedded import find_bin_dir

pytestmark = pytest.mark.newest

ROOT: Final = Path(__file__).parents[3]
TEXT: Final = (ROOT / "docs/deploy.md").read_text()
UNIT: Final = ROOT / "docs/deploy/tasker-sql.service"
MANIFEST: Final = list(yaml.safe_load_all((ROOT / "docs/deploy/kubernetes.yaml").read_text()))
PRODUCTION: Final = config.load(environment="production", environ={}).config
STOPS: Final = (
    PRODUCTION.orchestration.graceful_timeout + PRODUCTION.orchestration.emergency_timeout
)


def block(language: str, containing: str) -> str:
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    (found,) = [one for one in blocks if containing in one]
    return str(found)


def shell(script: str, dsn: str, folder: Path) -> None:
    path = f"{Path(sys.executable).parent}:{find_bin_dir()}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euc", script],
        env={**os.environ, "PATH": path, "DATABASE_URL": dsn},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def database_of_roles(server: Server) -> Iterator[str]:
    """A database with the roles of the page."""
    try:
        with server.database() as dsn:
            done = psql(dsn, script=block("psql", "create role"))
            assert done.returncode == 0, done.stderr
            yield dsn
    finally:
        server.admin.execute("drop role if exists shop, tasker")


def test_a_deployment_does_as_the_page_says_without_a_superuser(
    database_of_roles: str, tmp_path: Path
) -> None:
    (tmp_path / "workflows").symlink_to(ROOT / "examples/workflows")
    steps = block("sh", "db upgrade").splitlines(keepends=True)
    owner = make_conninfo(database_of_roles, user="tasker", password="change me")
    member = make_conninfo(database_of_roles, user="shop", password="change me")
    shell("".join(steps[:2]), owner, tmp_path)
    shell("".join(steps[2:]), member, tmp_path)
    assert len(rows(member, "select from tasker.list_templates()")) == 5
    names = "select rolname from pg_roles where rolsuper and rolname in ('tasker', 'shop')"
    assert rows(member, names) == []


def test_the_unit_gives_a_runner_time_to_stop() -> None:
    read = configparser.ConfigParser(interpolation=None, strict=False)
    read.read_string(UNIT.read_text())
    service = read["Service"]
    assert float(service["TimeoutStopSec"]) > STOPS
    assert service["ExecReload"] == "/bin/kill -HUP $MAINPID"
    assert service["Restart"] == "always"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd-analyze")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    unit = UNIT.read_text().replace("/opt/tasker-sql/bin/tasker-sql", "/bin/true")
    (tmp_path / UNIT.name).write_text(unit.replace("User=tasker\n", ""))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", tmp_path / UNIT.name],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    named = [line for line in done.stderr.splitlines() if UNIT.name in line]
    assert named == []


def containers() -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    return [
        (one["metadata"]["name"], one["spec"]["template"]["spec"], container)
        for one in MANIFEST
        if "template" in one["spec"]
        for container in one["spec"]["template"]["spec"]["containers"]
    ]


def test_the_manifest_has_what_kubernetes_needs() -> None:
    kinds = [(one["apiVersion"], one["kind"]) for one in MANIFEST]
    assert kinds == [
        *(("batch/v1", "Job"), ("apps/v1", "Deployment"), ("apps/v1", "Deployment")),
        *(("v1", "Service"), ("policy/v1", "PodDisruptionBudget")),
    ]
    labels = [one["spec"]["template"]["metadata"]["labels"] for one in MANIFEST[:3]]
    for one in MANIFEST[1:]:
        selector = one["spec"]["selector"]
        assert selector.get("matchLabels", selector) in labels
    for name, pod, container in containers():
        assert re.search(r":\d", container["image"]), name
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert {"requests", "limits"} <= container["resources"].keys()
        mounted = {mount["name"] for mount in container.get("volumeMounts", [])}
        assert mounted == {volume["name"] for volume in pod.get("volumes", [])}
        assert not [one for one in container["env"] if "password" in str(one).lower()]


def test_the_commands_of_the_manifest_exist_and_have_time_to_stop() -> None:
    program = Path(sys.executable).parent / "tasker-sql"
    seen = {}
    for name, pod, container in containers():
        words = container["args"][: 2 if container["args"][0] == "db" else 1]
        subprocess.run([program, *words, "--help"], check=True, capture_output=True, timeout=60)
        seen[name] = (pod, container)
    runner, container = seen["tasker-sql-runner"]
    assert runner["terminationGracePeriodSeconds"] > STOPS
    assert container["livenessProbe"]["exec"]["command"] == ["tasker-sql", "runner", "health"]
    _, http = seen["tasker-sql-http"]
    assert http["livenessProbe"]["httpGet"]["path"] == "/live"
    assert http["readinessProbe"]["httpGet"]["path"] == "/ready"
    assert http["ports"][0]["containerPort"] == PRODUCTION.web.port
