"""tables"""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.install_pgmq()
    op.install("0001.sql")


def downgrade() -> None:
    """The queues and their functions; env.py drops the schema with all that is in it."""
    op.execute("""
        do $$
        declare
          v_queue text;
        begin
          for v_queue in
            select known.queue_name
              from pgmq.meta as known
             where known.queue_name in ('orchestration_step_results', 'orchestration_task_requests')
                or exists (select
                             from tasker.namespaces as namespace
                            where known.queue_name in (namespace.name || '_queue',
                                                       namespace.name || '_queue_high',
                                                       namespace.name || '_queue_low'))
          loop
            execute format('drop table if exists pgmq.%I, pgmq.%I',
                           'q_' || v_queue, 'a_' || v_queue);
            delete from pgmq.meta as known where known.queue_name = v_queue;
          end loop;
        end;
        $$
    """)
    op.execute("drop schema if exists tasker_queues cascade")
