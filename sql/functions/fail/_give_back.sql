create or replace function tasker._give_back (
  p_token    uuid,
  p_step_ids bigint[],
  p_attempts integer,
  p_now      timestamptz
)
  returns bigint[]
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Puts claimed steps back into their queues, taking p_attempts (0 or 1) off their count.
--
-- Returns  the steps that the token still held, in order
-- Locks    the steps
-- Calls    _send
declare
  v_ids        bigint[];
  v_templates  integer[];
  v_priorities smallint[];
begin
  if p_attempts > 0 then  -- no failure will tell when this attempt was
    insert into tasker.given_back (step_id, enqueued_at, started_at)
    select step.step_id, step.enqueued_at, step.started_at
      from tasker.steps as step
     where step.step_id = any (p_step_ids)
       and step.claim_token = p_token
       and step.state = 'in_progress';
  end if;
  with back as (
    update tasker.steps as step
       set state       = 'enqueued',
           attempt     = step.attempt - p_attempts,
           claim_token = null,
           started_at  = null,
           enqueued_at = p_now
     where step.step_id = any (p_step_ids)
       and step.claim_token = p_token
       and step.state = 'in_progress'
    returning step.step_id, step.template_id, step.priority
  )
  select coalesce(array_agg(back.step_id order by back.step_id), '{}'),
         array_agg(back.template_id order by back.step_id),
         array_agg(back.priority order by back.step_id)
    into v_ids, v_templates, v_priorities
    from back;
  if cardinality(v_ids) > 0 then
    perform tasker._send(v_ids, v_templates, v_priorities, p_now);
  end if;
  return v_ids;
end;
$$;

comment on function tasker._give_back is 'Puts steps that a token holds back into their queues. Returns those it did hold.';
