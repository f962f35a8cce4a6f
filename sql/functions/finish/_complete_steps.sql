create or replace function tasker._complete_steps (
  p_token        uuid,
  p_step_ids     bigint[],
  p_results      jsonb[],
  p_seconds      real[],
  p_now          timestamptz,
  out children   bigint[],
  out joins      bigint[],
  out sinks      bigint[],
  out wide       bigint[],
  out gated      bigint[],
  out amounts    jsonb,
  out alarmed    bigint[],
  out checks     bigint[],
  out is_blocked boolean,
  out is_waited  boolean
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Marks steps that the token holds as complete (p_step_ids, in order), with their results, and
-- looks up who waits for them. Finished parents are summed per child: an update that joins a child
-- twice would count once. Null p_results: the results stand in their rows already (two hops).
--
-- Returns  the children, and those of them that wait for others, too; the tasks of which they are
--          sinks (step_no 0 ids); those of all these that wait for more than 16, and those in
--          gated templates or that enter by the gate; how many parents of a child were finished,
--          where not one; the steps that may have alarms, and those whose result answers a
--          question (_end_alarmed; their children are left out); and whether any task is blocked
--          or waits to be finalized, or any worker to be woken
-- Raises   TK001 when the token does not hold one of them
-- Locks    the steps in id order
-- Calls    _stale
declare
  v_done  bigint[];
  v_saved bigint[];
begin
  with done as (
    update tasker.steps as step
       set state       = 'complete',
           seconds     = case when p_results is null then step.seconds
                              else p_seconds[width_bucket(step.step_id, p_step_ids)] end,
           finished_at = p_now,
           result      = case when p_results is null then step.result
                              else nullif(p_results[width_bucket(step.step_id, p_step_ids)],
                                          'null') end
     where step.step_id = any (p_step_ids)
       and step.claim_token = p_token
       and step.state = 'in_progress'
    returning step.step_id, step.template_id, tasker._step_no(step.step_id) as step_no,
              step.has_checkpoint
  ),
  known as materialized (
    select kind.step_no, kind.step_ids, link.*
      from (select done.template_id, done.step_no, array_agg(done.step_id) as step_ids
              from done group by 1, 2) as kind
     cross join lateral (
           select link.children, link.join_children, link.special_children, link.features
             from tasker.template_steps as link
            where link.template_id = kind.template_id
              and link.step_no = kind.step_no
            limit 1
           ) as link
  ),
  child as (
    select own.step_id - known.step_no + child.step_no as step_id,
           child.step_no = 0 as is_task,
           count(*) as amount,
           bool_or(child.step_no = any (known.join_children)) as is_join,
           bool_or(child.step_no = any (known.special_children)) as is_special,
           bool_or(known.features ? 'run_on'
                   or known.features -> 'enters' @> to_jsonb(child.step_no)) as is_gated
      from known
     cross join unnest(known.step_ids) as own (step_id)
     cross join unnest(known.children) as child (step_no)
     where (known.features ? 'check') is not true
     group by 1, 2
  )
  select (select array_agg(done.step_id) from done),
         (select array_agg(done.step_id) from done where done.has_checkpoint),
         array_agg(step_id order by step_id) filter (where not is_task and not is_special),
         array_agg(step_id) filter (where is_join and not is_task and not is_special),
         array_agg(step_id order by step_id) filter (where is_task and not is_special),
         array_agg(step_id order by step_id) filter (where is_special and is_gated is not true),
         array_agg(step_id order by step_id) filter (where is_gated),
         jsonb_object_agg(step_id, amount) filter (where amount > 1),
         (select array_agg(id) from known, unnest(step_ids) as id where features ? 'alarms'),
         (select array_agg(id) from known, unnest(step_ids) as id where features ? 'check'),
         exists (select from tasker.unfinalized_tasks),
         exists (select from tasker.waiters)
    into v_done, v_saved, children, joins, sinks, wide, gated, amounts, alarmed, checks,
         is_blocked, is_waited
    from child;
  if coalesce(cardinality(v_done), 0) < cardinality(p_step_ids) then
    perform tasker._stale(p_token, array(
      select id from unnest(p_step_ids) as id where id <> all (coalesce(v_done, '{}'))));
  elsif v_saved is not null then
    delete from tasker.checkpoints as saved where saved.step_id = any (v_saved);
  end if;
end;
$$;

comment on function tasker._complete_steps is 'Marks steps that the token holds as complete and looks up who waits for them. Raises TK001.';
