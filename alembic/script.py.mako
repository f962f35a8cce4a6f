<%!
def body(lines):
    """The rendered operations without alembic's remarks around them."""
    kept = [line.strip() for line in (lines or "").splitlines() if "###" not in line]
    return "\n    ".join(kept or ["pass"])
%>\
"""${message}"""

from alembic import op

revision = "${up_revision}"
down_revision = ${'"%s"' % down_revision if down_revision else None}


def upgrade() -> None:
    ${body(upgrades)}


def downgrade() -> None:
    ${body(downgrades)}
