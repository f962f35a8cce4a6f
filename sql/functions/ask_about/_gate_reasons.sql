create or replace function tasker._gate_reasons (p_step_ids bigint[])
  returns table (
    step_id bigint, rank integer, code text, blocks boolean, reason text,
    since timestamptz, until timestamptz, who text, cure text
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Which of these steps were skipped, or stand behind a failed one; and which wait in a gated
-- template for parents to end, or for a decision.
--
-- Returns  one row for each such step
-- Calls    _decision_text, _failed_ancestor
#variable_conflict use_column
begin
  return query
  select step.step_id, said.rank, said.code, true, said.reason, said.since, null::timestamptz,
         null::text, said.cure
    from tasker.steps as step
    join tasker.tasks as task on task.task_id = tasker._task_of(step.step_id)
    join tasker.template_steps as link on link.template_id = step.template_id
                                      and link.step_no = tasker._step_no(step.step_id)
   cross join lateral (
         select 90, 'ended',
                format('%s: %s', step.state,
                       coalesce(tasker._decision_text(step.step_id), 'nobody says why')),
                step.finished_at,
                case when step.state = 'upstream_failed'
                     then format('select * from tasker.retry_step(%L, ''<why>'')',
                                 tasker._step_uuid(task.task_uuid,
                                                   tasker._failed_ancestor(step.step_id))) end
          where step.state in ('skipped', 'upstream_failed')
         union all
         select 40, 'undecided',
                'its parents have ended; the next sweep or an idle worker decides whether it runs',
                null, 'select * from tasker.sweep()'
          where step.state = 'pending'
            and exists (select from tasker.undecided as undecided
                         where undecided.step_id = step.step_id)
         union all
         select 70, 'waits_for_parents',
                format('waits for %s of %s parents to end, then %s', step.waiting_parents,
                       cardinality(link.parents),
                       case link.features ->> 'run_on'
                         when 'failure' then 'runs if one of them failed'
                         when 'end' then 'runs'
                         when 'full_success' then 'runs if all of them are done'
                         else 'runs if none of them failed and one is done' end)
                || coalesce(', and ' || (link.features ->> 'if'), ''),
                null, null
          where step.state = 'pending'
            and step.waiting_parents > 0
            and link.features ? 'run_on'
         ) as said (rank, code, reason, since, cure)
   where step.step_id = any (p_step_ids)
     and step.state in ('skipped', 'upstream_failed', 'pending');
end;
$$;

comment on function tasker._gate_reasons is 'Which of these steps were skipped or stand behind a failed one, and which wait for a decision.';
