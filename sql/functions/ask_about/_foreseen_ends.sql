create or replace function tasker._foreseen_ends (
  p_task_id    bigint,
  out ready_at timestamptz[],
  out ends_at  timestamptz[],
  out based_on integer
)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
-- When each step of a task has become or will become ready, and when it has ended or will end, by
-- step number. Parents have smaller numbers. What has not ended is taken to last as long as usual:
-- the median of what lasted at least as long as it has by now.
--
-- Returns  null for what nobody can foresee; and how many tasks the estimates stand on
-- Calls    _usual_durations
declare
  v_now    constant timestamptz := tasker._now();
  v_task   tasker.tasks%rowtype;
  v_step   record;
  v_parent integer;
begin
  select task.* into v_task from tasker.tasks as task where task.task_id = p_task_id;
  based_on := 0;
  for v_step in
    select tasker._step_no(step.step_id) as no, step.state, step.finished_at, link.parents,
           usual.durations
      from tasker.steps as step
      join tasker.template_steps as link on link.template_id = step.template_id
                                        and link.step_no = tasker._step_no(step.step_id)
      left join tasker._usual_durations(p_task_id) as usual on usual.step_no = link.step_no
     where step.step_id > tasker._id_of_task(p_task_id)
       and step.step_id < tasker._id_of_task(p_task_id + 1)
     order by step.step_id
  loop
    based_on := coalesce(cardinality(v_step.durations), 0);
    ready_at[v_step.no] := greatest(v_task.created_at, v_task.run_at);
    foreach v_parent in array v_step.parents loop
      ready_at[v_step.no] := case when ends_at[v_parent] is not null
                                    then greatest(ready_at[v_step.no], ends_at[v_parent]) end;
      exit when ready_at[v_step.no] is null;
    end loop;
    ends_at[v_step.no] := case
      when v_task.finished_at is not null then v_step.finished_at
      when v_step.state = 'error' then null
      when v_step.finished_at is not null then v_step.finished_at
      when ready_at[v_step.no] is null or based_on = 0 then null
      else coalesce((select ready_at[v_step.no] + percentile_disc(0.5) within group (order by time)
                       from unnest(v_step.durations) as time
                      where time >= v_now - ready_at[v_step.no]),
                    greatest(v_now, ready_at[v_step.no]))
    end;
  end loop;
end;
$$;

comment on function tasker._foreseen_ends is 'When each step of a task became or will become ready, and ended or will end, by step number.';
