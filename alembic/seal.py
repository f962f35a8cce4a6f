"""`make seal`, at a release and at no other time: the functions and views of today become one
file, `frozen/<revision>.sql`, and a revision that installs it. No sealed file ever changes.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from tasker_sql import __version__
from tasker_sql.schema import migrations as schema
from tasker_sql.schema import truth

VERSIONS = truth.SCRIPTS / "versions"
SUMS = truth.FROZEN / "SHA256SUMS"  # of what is sealed; `sha256sum -c` reads it in `alembic/`

REVISION = '''"""release {version}"""

from alembic import op

revision = "{revision}"
down_revision = "{before}"


def upgrade() -> None:
    op.install("{revision}.sql")


def downgrade() -> None:
    """env.py installs the functions of the release before."""
'''


def seal() -> str:
    """Returns the new revision."""
    before = schema.head()
    revision = f"{int(before) + 1:04d}"
    (truth.FROZEN / f"{revision}.sql").write_text(truth.join(truth.read()))
    script = VERSIONS / f"{revision}_release_{__version__.replace('.', '_')}.py"
    script.write_text(REVISION.format(version=__version__, revision=revision, before=before))
    files = sorted([*truth.FROZEN.glob("*.sql"), *VERSIONS.glob("*.py")])
    SUMS.write_text(
        "".join(f"{digest(file)}  {file.relative_to(truth.SCRIPTS)}\n" for file in files)
    )
    return revision


def digest(file: Path) -> str:
    return sha256(file.read_bytes()).hexdigest()


if __name__ == "__main__":
    print(f"sealed revision {seal()}")
