create or replace function tasker._advance (
  p_step_ids     bigint[],
  p_template_ids integer[],
  p_now          timestamptz,
  p_failed_tasks bigint[] default '{}',
  out ids        bigint[],
  out changes    tasker.transition[]
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- What follows from finished steps: their children's counters, messages for those that may now run,
-- their tasks' open sinks, and the end of tasks whose last sink this was. Finished parents are
-- summed per child first: an update that joins a child twice would count once. A sink's child is
-- its task (step_no 0). p_failed_tasks are tasks in which a step failed for good.
--
-- Returns  the changes to record
-- Locks    children, then tasks, each in id order, waiting for a moment; wide ones last, and
--          these are not waited for
-- Calls    _count_or_defer, _defer_wide, _count_down_steps, _advance_tasks
declare
  v_children bigint[];
  v_amounts  jsonb;
  v_wide     bigint[];
  v_free     record;
  v_log      record;
begin
  with own as materialized (
    select own.step_id, own.template_id, (own.step_id & 1048575)::integer as step_no
      from unnest(p_step_ids, p_template_ids) as own (step_id, template_id)
  ),
  link as materialized (
    select kind.template_id, kind.step_no, link.children, link.wide_children
      from (select distinct own.template_id, own.step_no from own) as kind
     cross join lateral (
           select link.children, link.wide_children
             from tasker.template_steps as link
            where link.template_id = kind.template_id
              and link.step_no = kind.step_no
            limit 1
           ) as link
  ),
  child as (
    select own.step_id - own.step_no + child.step_no as step_id,
           count(*) as amount,
           bool_or(child.step_no = any (link.wide_children)) as wide
      from own
      join link on link.template_id = own.template_id and link.step_no = own.step_no
     cross join unnest(link.children) as child (step_no)
     group by 1
  )
  select coalesce(array_agg(child.step_id order by child.step_id) filter (where not child.wide),
                  '{}'),
         jsonb_object_agg(child.step_id, child.amount) filter (where child.amount > 1),
         array_agg(child.step_id order by child.step_id) filter (where child.wide)
    into v_children, v_amounts, v_wide
    from child;

  v_log   := tasker._count_or_defer(
    array(select id from unnest(v_children) as id where id & 1048575 <> 0),
    v_amounts, p_now);
  ids     := v_log.ids;
  changes := v_log.changes;
  if v_wide is not null then
    v_free  := tasker._defer_wide(
      array(select id from unnest(v_wide) as id where id & 1048575 <> 0),
      v_amounts);
    v_log   := tasker._count_down_steps(v_free.ids, v_free.amounts, p_now);
    ids     := ids || v_log.ids;
    changes := changes || v_log.changes;
  end if;

  v_log   := tasker._advance_tasks(
    array(select distinct id >> 20 from unnest(p_step_ids) as id order by 1),
    array(select id from unnest(v_children) as id where id & 1048575 = 0),
    array(select id from unnest(v_wide) as id where id & 1048575 = 0),
    v_amounts, p_failed_tasks, p_now);
  ids     := ids || v_log.ids;
  changes := changes || v_log.changes;
end;
$$;

comment on function tasker._advance is 'What follows from finished steps: children''s counters, messages, open sinks, finalization. Returns the changes to record.';
