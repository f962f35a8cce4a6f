"""The session in docs/psql.md: run, and compared with what the page shows.

A block marked `psql` is part of one session. `=> ` begins a command, `-> ` continues it, and what
follows is its output. `python tests/py/support/psql_page.py` writes the outputs again.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tasker_sql.schema.embedded import find_bin_dir

PAGE = Path(__file__).parents[3] / "docs/psql.md"
BLOCK = re.compile(r"^```psql\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^=> .*\n(?:-> .*\n)*", re.MULTILINE)
UUID = re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b")
MARK = "---- next ----"


def commands(text: str) -> list[str]:
    """The commands of all blocks, in order, with their prompts."""
    return [command for block in BLOCK.findall(text) for command in COMMAND.findall(block)]


def outputs(text: str) -> list[str]:
    """What the blocks show after each command."""
    return [output for block in BLOCK.findall(text) for output in COMMAND.split(block)[1:]]


def run(text: str, dsn: str) -> list[str]:
    """What psql really prints after each command."""
    script = "".join(
        f"{re.sub('^[=-]> ', '', command, flags=re.MULTILINE)}\\echo '{MARK}'\n\\warn '{MARK}'\n"
        for command in commands(text)
    )
    done = subprocess.run(
        [
            find_bin_dir() / "psql",
            "-X",
            "-q",
            "-P",
            "pager=off",
            "-v",
            "SHOW_CONTEXT=never",
            "-d",
            dsn,
        ],
        input=script,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    shown = done.stdout.split(f"{MARK}\n")[:-1]
    failed = done.stderr.split(f"{MARK}\n")[:-1]
    lines = [tidy(out + error) for out, error in zip(shown, failed, strict=True)]
    return ["\n".join(each) + "\n" if each else "" for each in lines]


def tidy(output: str) -> list[str]:
    return [line.rstrip() for line in output.splitlines() if line.strip()]


def anonymous(output: str) -> str:
    """The output without what differs from run to run."""
    return UUID.sub("00000000-0000-0000-0000-000000000000", output)


def rewritten(text: str, shown: list[str]) -> str:
    """The PAGE with these outputs instead of its own."""
    rest = iter(shown)
    return BLOCK.sub(
        lambda block: (
            "```psql\n" + COMMAND.sub(lambda c: c[0] + next(rest), strip(block[1])) + "```"
        ),
        text,
    )


def strip(block: str) -> str:
    return "".join(COMMAND.findall(block))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    import servers

    server = servers.get(servers.MAJORS[0])
    with server.database(server.migrated) as dsn:
        text = PAGE.read_text()
        PAGE.write_text(rewritten(text, run(text, dsn)))
    servers.close_all()
