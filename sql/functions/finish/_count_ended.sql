create or replace function tasker._count_ended (
  p_waited   bigint[],
  p_unwaited bigint[],
  p_amounts  jsonb
)
  returns bigint[]
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Counts ended parents off steps, and takes the rows of those that wait for none any more by
-- writing them. Nobody waits for those in p_unwaited, nor longer than half a second for the others:
-- what somebody holds is deferred.
--
-- Returns  the steps to be decided about
-- Locks    the steps in id order, then the free ones of p_unwaited
-- Calls    _defer_wide
declare
  v_patience constant text := current_setting('lock_timeout');
  v_free     record;
  v_ready    bigint[];
  v_more     bigint[];
begin
  begin
    if v_patience::interval not between '1 ms' and '500 ms' then
      perform set_config('lock_timeout', '500ms', true);
    end if;
    with counted as (
      update tasker.steps as step
         set waiting_parents = step.waiting_parents - (p_amounts ->> step.step_id::text)::integer
       where step.step_id = any (p_waited)
         and step.state = 'pending'
      returning step.step_id, step.waiting_parents
    )
    select array_agg(counted.step_id) filter (where counted.waiting_parents = 0)
      into v_ready from counted;
    perform set_config('lock_timeout', v_patience, true);
  exception when lock_not_available then  -- which takes the setting back, too
    p_unwaited := array(select id from unnest(p_waited || p_unwaited) as id order by id);
  end;
  if cardinality(p_unwaited) > 0 then
    v_free := tasker._defer_wide(p_unwaited, p_amounts, true);
    with counted as (
      update tasker.steps as step
         set waiting_parents = step.waiting_parents
                               - (v_free.amounts ->> step.step_id::text)::integer
       where step.step_id = any (v_free.ids)
         and step.state = 'pending'
      returning step.step_id, step.waiting_parents
    )
    select array_agg(counted.step_id) filter (where counted.waiting_parents = 0)
      into v_more from counted;
  end if;
  return array(select id from unnest(v_ready || v_more) as id order by id);
end;
$$;

comment on function tasker._count_ended is 'Counts ended parents off steps and takes those that wait for none any more.';
