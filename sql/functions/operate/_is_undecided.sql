create or replace function tasker._is_undecided (p_step tasker.steps)
  returns boolean
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Whether a failed step is one that enters again when it is retried: one that waits, or one of a
-- gated template that nothing has let run, since its condition was neither true nor false, or its
-- task was cancelled before.
begin
  return exists (select from tasker.template_steps as link
                  where link.template_id = p_step.template_id
                    and link.step_no = tasker._step_no(p_step.step_id)
                    and link.features ?| '{run_on,wait}')
     and not exists (select from tasker.decisions as decision
                      where decision.step_id = p_step.step_id and decision.decision = 'run');
end;
$$;

comment on function tasker._is_undecided is 'Whether a failed step enters again when it is retried: one that waits, or that nothing has let run.';
