create or replace function tasker._send_again (p_step tasker.steps, p_now timestamptz)
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Sends the pointer of a step that is enqueued again. One that failed in its queue, without a
-- worker, may have its pointer there still.
--
-- Calls    _queue_of, _lost_steps, _send
declare
  v_queue text;
begin
  if p_step.state = 'error' and p_step.claim_token is null and p_step.enqueued_at is not null then
    select tasker._queue_of(link.queue, p_step.priority) into v_queue
      from tasker.template_steps as link
     where link.template_id = p_step.template_id and link.step_no = tasker._step_no(p_step.step_id);
    if tasker._lost_steps(v_queue, array[p_step.step_id], '{-infinity}') is null then
      return;
    end if;
  end if;
  perform tasker._send(array[p_step.step_id], array[p_step.template_id], array[p_step.priority],
                       p_now);
end;
$$;

comment on function tasker._send_again is 'Sends the pointer of a step that is enqueued again, unless the old one is there still.';
