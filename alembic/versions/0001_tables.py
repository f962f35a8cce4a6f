"""tables"""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.install_pgmq()
    op.install("0001/tables.sql")


def downgrade() -> None:
    op.install("0001/drop_everything.sql")
