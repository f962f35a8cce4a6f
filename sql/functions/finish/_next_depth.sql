create or replace function tasker._next_depth (
  p_todo       bigint[],
  p_due        bigint[],
  out todo     bigint[],
  out due      bigint[],
  out waited   bigint[],
  out unwaited bigint[],
  out amounts  jsonb
)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Picks what is to be looked at next: of the first task the steps of the smallest depth.
--
-- Returns  what is left of both lists; of the steps picked those whose rows are waited for, and the
--          others (joins of more than 16 parents, and what is due); and how many parents of each
--          have ended, 0 for what is due
declare
  v_task bigint := tasker._task_of(least((select min(id) from unnest(p_todo) as id),
                                         (select min(id) from unnest(p_due) as id)));
  v_last bigint;
begin
  with wanted as materialized (
    select id, count(*) filter (where is_ended) as amount
      from (select id, true from unnest(p_todo) as id
             union all select id, false from unnest(p_due) as id) as entry (id, is_ended)
     where tasker._task_of(id) = v_task
     group by id
     order by id
  ),
  placed as materialized (
    select wanted.id, wanted.amount, link.depth, link.width
      from wanted
     cross join lateral (
           select step.template_id from tasker.steps as step where step.step_id = wanted.id
            limit 1) as step
     cross join lateral (
           select link.depth, cardinality(link.parents) as width
             from tasker.template_steps as link
            where link.template_id = step.template_id
              and link.step_no = tasker._step_no(wanted.id)
            limit 1) as link
  )
  select array_agg(placed.id order by placed.id)
           filter (where placed.amount > 0 and placed.width <= 16),
         array_agg(placed.id order by placed.id)
           filter (where placed.amount = 0 or placed.width > 16),
         jsonb_object_agg(placed.id, placed.amount),
         max(placed.id)
    into waited, unwaited, amounts, v_last
    from placed
   where placed.depth = (select min(placed.depth) from placed);
  waited   := coalesce(waited, '{}');
  unwaited := coalesce(unwaited, '{}');
  todo     := array(select id from unnest(p_todo) as id
                     where id > v_last or tasker._task_of(id) <> v_task);
  due      := array(select id from unnest(p_due) as id
                     where id > v_last or tasker._task_of(id) <> v_task);
end;
$$;

comment on function tasker._next_depth is 'Picks of the first task the steps of the smallest depth.';
