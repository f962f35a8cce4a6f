create or replace function tasker._unpark (
  p_namespace_id integer, p_handlers text[], p_limit integer
)
  returns bigint[]
  language plpgsql
  set search_path = pg_catalog, pg_temp
  set enable_hashjoin = off
  set enable_mergejoin = off
as $$
-- Takes steps that waited for their handler, for a worker that has it: of each handler those of
-- high priority first, and the oldest first. Each handler is one range of the index, and so are
-- all that are written in SQL, and all. Those before the p_limit-th that may not run any more
-- (cancelled, settled, paused) go with them.
--
-- Returns  step_ids, at most p_limit of them
-- Locks    the rows taken; skips locked ones
declare
  v_ids  bigint[];
  v_last boolean;
begin
  loop
    with span as materialized (
      select case handler when 'sql:*' then 'sql:' else handler end as first,
             case handler when 'sql:*' then 'sql;' else handler end as last
        from unnest(p_handlers) as handler
      union all
      select '', null where p_handlers is null
    ),
    page as materialized (
      select parked.step_id
        from span
       cross join lateral (
             select parked.step_id from tasker.parked_steps as parked
              where parked.namespace_id = p_namespace_id
                and parked.handler >= span.first
                and (parked.handler <= span.last or span.last is null)
              order by parked.handler, parked.priority desc, parked.step_id
              limit 1000) as parked
       limit 1000
    ),
    judged as materialized (
      select page.step_id, step.may_run,
             count(step.may_run) over (rows between unbounded preceding and 1 preceding) as before
        from page
        left join lateral (
             select true as may_run
               from tasker.steps as step
               join tasker.tasks as task on task.task_id = tasker._task_of(step.step_id)
               join tasker.task_templates as template on template.template_id = step.template_id
              where step.step_id = page.step_id
                and step.state = 'enqueued'
                and task.paused_at is null
                and template.paused_at is null
              limit 1) as step on true
    ),
    free as materialized (
      select judged.step_id, judged.may_run
        from judged
       cross join lateral (
             select from tasker.parked_steps as parked where parked.step_id = judged.step_id
              limit 1 for update skip locked) as parked
       where judged.before < p_limit
    ),
    gone as (
      delete from tasker.parked_steps as parked using free where parked.step_id = free.step_id
      returning free.step_id, free.may_run
    )
    select coalesce(array_agg(gone.step_id order by gone.step_id)
                      filter (where gone.may_run), '{}'),
           count(*) = 0
      into v_ids, v_last
      from gone;
    exit when v_ids <> '{}' or v_last;
  end loop;
  return v_ids;
end;
$$;

comment on function tasker._unpark is 'Takes steps that waited for their handler, for a worker that has it.';
