create or replace function tasker._reject (
  p_queue   text,
  p_msg_id  bigint,
  p_message jsonb,
  p_code    text,
  p_error   text
)
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Keeps a message that cannot be applied, with the reason. An error that is not the message's
-- fault (no TK code, no bad value) is raised again, so that the message stays in its queue.
declare
  v_now constant timestamptz := tasker._now();
begin
  if p_code !~ '^(TK|22|23)' then
    raise exception using errcode = p_code, message = p_error;
  end if;
  insert into tasker.rejected_messages (queue_name, msg_id, message, code, error, rejected_at)
  values (p_queue, p_msg_id, p_message, p_code, left(p_error, 2000), v_now);
end;
$$;

comment on function tasker._reject is 'Keeps a message that cannot be applied in rejected_messages; raises errors again that are not its fault.';
