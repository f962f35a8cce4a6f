create or replace function tasker._refuse_signal (p_step_ids bigint[], p_why text)
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Refuses a signal that nobody will ever take.
--
-- Raises   TK003, saying how each step that would take it ended, and when
begin
  raise exception 'nobody will take this signal'
    using errcode = 'TK003',
          detail  = (select format('%s; %s', p_why, string_agg(
                              format('%s is %s%s', link.name, step.state,
                                     coalesce(' since ' || step.finished_at, '')), ', '
                              order by step.step_id))
                       from tasker.steps as step
                       join tasker.template_steps as link
                         on link.template_id = step.template_id
                        and link.step_no = tasker._step_no(step.step_id)
                      where step.step_id = any (p_step_ids)),
          hint    = 'list_signals shows what was sent, open_waits what is waited for.';
end;
$$;

comment on function tasker._refuse_signal is 'Refuses a signal that nobody will ever take. Raises TK003.';
