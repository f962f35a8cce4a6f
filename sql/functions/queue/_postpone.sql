create or replace function tasker._postpone (p_queue text, p_message jsonb)
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Puts a message that was taken off an orchestration queue at its end: somebody holds what it
-- needs.
declare
  v_now constant timestamptz := tasker._now();
begin
  execute format('insert into pgmq.%I (enqueued_at, vt, message) values ($1, $1, $2)',
                 'q_' || p_queue)
    using v_now, p_message;
end;
$$;

comment on function tasker._postpone is 'Puts a message at the end of its orchestration queue, for later.';
