create or replace function tasker._parents (p_step_id bigint)
  returns table (
    step_id bigint, name text, state tasker.step_state, outcome text, attempt smallint, result jsonb
  )
  language sql
  stable
begin atomic
-- The parents of a step, as they are now. A result that does not count is null. One that a
-- cancelled or late task stopped has failed, whatever its on_error says.
--
-- Returns  one row per parent
-- Calls    _outcome, _last_error
select parent.step_id, edge.name, parent.state, judged.outcome, parent.attempt,
       case when parent.state in ('complete', 'resolved_manually') then parent.result end
  from tasker.steps as step
 cross join lateral (
       select link.parents, link.parent_names from tasker.template_steps as link
        where link.template_id = step.template_id
          and link.step_no = tasker._step_no(p_step_id)
        limit 1) as link
 cross join unnest(link.parents, link.parent_names) as edge (step_no, name)
 cross join lateral (
       select parent.* from tasker.steps as parent
        where parent.step_id = tasker._id_of_task(tasker._task_of(p_step_id)) + edge.step_no
        limit 1) as parent
 cross join lateral (
       select tasker._outcome(parent.state, case when parent.state = 'error' then (
                select own.features ->> 'on_error' from tasker.template_steps as own
                 where own.template_id = step.template_id
                   and own.step_no = edge.step_no
                   and (parent.claim_token is null
                        and tasker._last_error(parent.step_id) ->> 'code'
                            in ('cancelled', 'deadline'))
                       is not true) end)
                as outcome) as judged
 where step.step_id = p_step_id;
end;

comment on function tasker._parents is 'The parents of a step, as they are now.';
