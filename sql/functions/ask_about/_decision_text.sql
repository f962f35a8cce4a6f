create or replace function tasker._decision_text (p_step_id bigint)
  returns text
  language sql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Why a step was skipped, or stands behind a failed one, in words.
--
-- Returns  null when it does neither
-- Calls    _failed_ancestor, _last_error, _error_text
select case
         when step.state = 'upstream_failed' then (
           select format('%s failed at %s (%s)', own.name, to_char(failed.finished_at, 'HH24:MI'),
                         coalesce(tasker._error_text(tasker._last_error(failed.step_id)),
                                  'no error was kept'))
             from tasker.steps as failed
             join tasker.template_steps as own on own.template_id = failed.template_id
                                              and own.step_no = tasker._step_no(failed.step_id)
            where failed.step_id = tasker._failed_ancestor(p_step_id))
         when step.state <> 'skipped' then null
         when decision.saw ? 'skipped'
           then 'its handler skipped it' || coalesce(': ' || nullif(decision.saw ->> 'skipped', ''),
                                                     '')
         when decision.decision = 'run'
           then format('its last attempt failed (%s), and its on_error is skip',
                       tasker._error_text(tasker._last_error(p_step_id)))
         when decision.cause = 'condition_false'
           then format('its condition %s was false', link.features ->> 'if')
                || coalesce((select ' (' || string_agg(
                                      format('%s is %s', regexp_replace(key, '^.*\.', ''), value),
                                      ', ') || ')'
                               from jsonb_each(decision.saw -> 'values')), '')
         when decision.cause = 'parent_skipped' then 'one of its parents was skipped'
         when decision.cause = 'parents_skipped' then 'all of its parents were skipped'
         when decision.cause = 'no_parent_failed' then 'none of its parents failed'
       end
  from tasker.steps as step
  join tasker.template_steps as link on link.template_id = step.template_id
                                    and link.step_no = tasker._step_no(step.step_id)
  left join tasker.decisions as decision on decision.step_id = step.step_id
 where step.step_id = p_step_id;
$$;

comment on function tasker._decision_text is 'Why a step was skipped, or stands behind a failed one, in words.';
