"""tables"""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.install_pgmq()
    op.install("0001.sql")


def downgrade() -> None:
    """The queues; env.py drops the schema with all that is in it."""
    op.execute("""
        select pgmq.drop_queue(queue.name)
          from (select namespace.name || '_queue' || suffix as name
                  from tasker.namespaces as namespace
                 cross join unnest(array['', '_high', '_low']) as suffix
                 union all
                select unnest(array['orchestration_step_results', 'orchestration_task_requests'])
               ) as queue
         where to_regclass(format('pgmq.%I', 'q_' || queue.name)) is not null
    """)
