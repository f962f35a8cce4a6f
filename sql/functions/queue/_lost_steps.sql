create or replace function tasker._lost_steps (
  p_queue    text,
  p_step_ids bigint[],
  p_enqueued timestamptz[],
  p_most     integer default null
)
  returns bigint[]
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Which of these enqueued steps have no message in the queue, and are not parked either. Queues are
-- first in, first out: a step enqueued after the oldest message is not suspected, so a healthy
-- backlog is never searched. Being stable, it sees messages as they were when its caller saw the
-- steps, if that is stable too: none that is claimed meanwhile is lost. Suspects are searched for
-- in the first p_most messages (null: all); where there are more, nothing is called lost.
--
-- Returns  step_ids; null for none
declare
  v_oldest timestamptz;
  v_lost   bigint[];
begin
  execute format(
    'select coalesce((select enqueued_at from pgmq.%I order by msg_id limit 1), ''infinity'')',
    'q_' || p_queue)
    into v_oldest;
  select array_agg(step.step_id) into v_lost
    from unnest(p_step_ids, p_enqueued) as step (step_id, enqueued)
   where step.enqueued < v_oldest
     and not exists (select from tasker.parked_steps as parked
                      where parked.step_id = step.step_id);
  if v_lost is not null and v_oldest < 'infinity' then
    execute format(
      'with head as materialized (select message from pgmq.%I order by msg_id limit $2)
       select array_agg(lost.step_id::bigint)
         from (select unnest($1)::text as step_id
               except
               select message ->> ''step_id'' from head) as lost
        where $2 is null or (select count(*) from head) < $2',
      'q_' || p_queue)
      into v_lost using v_lost, p_most;
  end if;
  return v_lost;
exception when undefined_table then  -- dropped, be it at this moment
  return null;
end;
$$;

comment on function tasker._lost_steps is 'Which of these enqueued steps have no message in their queue, and are not parked (null: none, or the queue itself is missing).';
