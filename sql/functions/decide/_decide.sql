create or replace function tasker._decide (p_step_ids bigint[])
  returns table (
    step_id bigint, state tasker.step_state, decision text, cause text, saw jsonb, problem text
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Decides about steps whose parents have all ended: a pure function of what these ended as, their
-- results and the context, never of the order in which they ended. So it can be made again from
-- what is stored.
--
-- Returns  one row per step: the state that it is to have, run, skip, fail or wait, why, and what
--          the decision saw, at most 2 KB of it
-- Calls    _parents, _condition
#variable_conflict use_column
begin
  return query
  with step as materialized (
    select step.step_id, link.features, coalesce(link.features ->> 'run_on', 'success') as run_on,
           up.done, up.skipped, up.failed, coalesce(up.outcomes, '{}') as outcomes
      from unnest(p_step_ids) as wanted (step_id)
     cross join lateral (
           select own.step_id, own.template_id from tasker.steps as own
            where own.step_id = wanted.step_id limit 1) as step
     cross join lateral (
           select own.features from tasker.template_steps as own
            where own.template_id = step.template_id
              and own.step_no = tasker._step_no(step.step_id) limit 1) as link
     cross join lateral (
           select count(*) filter (where parent.outcome = 'done') as done,
                  count(*) filter (where parent.outcome = 'skipped') as skipped,
                  count(*) filter (where parent.outcome = 'failed') as failed,
                  jsonb_object_agg(parent.name, parent.outcome) as outcomes
             from tasker._parents(step.step_id) as parent) as up
  ),
  judged as materialized (
    select step.*,
           case when step.run_on in ('success', 'full_success') and step.failed > 0
                  then 'parent_failed'
                when step.run_on = 'success' and step.done = 0 and step.skipped > 0
                  then 'parents_skipped'
                when step.run_on = 'full_success' and step.skipped > 0 then 'parent_skipped'
                when step.run_on = 'failure' and step.failed = 0 then 'no_parent_failed' end
             as cause
      from step
  ),
  asked as materialized (
    select judged.*, condition.is_met, condition.seen, condition.problem,
           case when judged.cause is not null then judged.cause
                when (judged.features ? 'if') is not true or condition.is_met then null
                when not condition.is_met then 'condition_false'
                else 'condition_error' end as why
      from judged
      left join lateral (
           select own.* from tasker._condition(judged.step_id, judged.features) as own
            where judged.cause is null and judged.features ? 'if') as condition on true
  )
  select asked.step_id,
         (case when asked.why is null then
                 case when asked.features ? 'wait' and not asked.features ? 'check'
                      then 'waiting' else 'enqueued' end
               when asked.why = 'parent_failed' then 'upstream_failed'
               when asked.why = 'condition_error' then 'error'
               else 'skipped' end)::tasker.step_state,
         case when asked.why is null then
                case when asked.features ? 'wait' then 'wait' else 'run' end
              when asked.why in ('parent_failed', 'condition_error') then 'fail'
              else 'skip' end,
         asked.why,
         case when pg_column_size(asked.outcomes) + coalesce(pg_column_size(asked.seen), 0) <= 2048
              then jsonb_build_object('parents', asked.outcomes)
                   || case when asked.seen is null then '{}'
                           else jsonb_build_object('values', asked.seen) end
              else jsonb_build_object(
                     'done', asked.done, 'skipped', asked.skipped, 'failed', asked.failed,
                     'sha256', encode(sha256(convert_to(
                       concat_ws(' ', asked.outcomes, asked.seen), 'UTF8')), 'hex')) end,
         asked.problem
    from asked
   order by asked.step_id;
end;
$$;

comment on function tasker._decide is 'Decides about steps whose parents have all ended: run, skip, fail or wait, why, and what it saw.';
