create or replace function tasker._sleep (
  p_token       uuid,
  p_step_id     bigint,
  p_worker      text,
  p_after       numeric,
  p_now         timestamptz,
  p_seconds     real,
  p_checkpoint  jsonb default null,
  out change    tasker.transition,
  out gated     bigint[]
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Lets a step sleep for p_after seconds, with a checkpoint, if there is one; one that waits for a
-- condition, by default until it is to be looked at again. The attempt does not count. One that has
-- slept too often fails for good.
--
-- Returns  as _fail
-- Raises   TK001 when the token does not hold the step, 22023 without a time
-- Locks    nothing: the caller holds the step
-- Calls    _stale, _limit, _fail, _save_checkpoint
declare
  v_most  constant integer := tasker._limit('sleeps_per_step');
  v_step  tasker.steps%rowtype;
  v_link  tasker.template_steps%rowtype;
  v_due   timestamptz;
begin
  select step.* into v_step from tasker.steps as step where step.step_id = p_step_id;
  if v_step.claim_token is distinct from p_token or v_step.state is distinct from 'in_progress' then
    perform tasker._stale(p_token, array[p_step_id]);
  end if;
  select link.* into v_link from tasker.template_steps as link
   where link.template_id = v_step.template_id and link.step_no = tasker._step_no(p_step_id);
  if v_link.features ? 'check' then
    p_after := coalesce(p_after, (v_link.features #>> '{wait,every}')::numeric
                                 * (1 + random()::numeric / 10));
  elsif p_after is null then
    raise exception 'how long is the step to sleep?'
      using errcode = '22023', detail = 'need a duration, such as 30 seconds';
  elsif (select count(*) from (select from tasker.given_back as back
                                where back.step_id = p_step_id and back.token is not null
                                limit v_most) as sleep) = v_most then
    select failure.change, failure.gated into change, gated
      from tasker._fail(
             p_token, p_step_id, p_worker,
             jsonb_build_object(
               'type', 'LimitExceeded', 'code', 'TK006',
               'message', 'it has slept too often',
               'detail', format('%s times, at most %s', v_most, v_most),
               'hint', 'This is the limit sleeps_per_step, which an operator can change with '
                       'set_limit.'),
             false, null, p_now, p_seconds) as failure;
    return;
  end if;
  if p_checkpoint is not null then
    perform tasker._save_checkpoint(p_step_id, p_token, p_checkpoint, null, false, p_now);
  end if;
  v_due := p_now + make_interval(secs => p_after::double precision);
  insert into tasker.given_back (step_id, enqueued_at, started_at, token, slept_at, due_at)
  values (p_step_id, v_step.enqueued_at, v_step.started_at, p_token, p_now, v_due);
  if v_link.features ? 'check' then
    insert into tasker.alarms (step_id, kind, due_at) values (p_step_id, 'check', v_due);
  else
    insert into tasker.waits (step_id, kind, opened_at, until)
    values (p_step_id, 'sleep', p_now, v_due);
    insert into tasker.timers (step_id, due_at) values (p_step_id, v_due);
  end if;
  update tasker.steps as step
     set state = 'waiting', attempt = step.attempt - 1, claim_token = null, started_at = null
   where step.step_id = p_step_id;
  change := 'step in_progress -> waiting';
end;
$$;

comment on function tasker._sleep is 'Lets a step sleep; its attempt does not count. Raises TK001, 22023.';
