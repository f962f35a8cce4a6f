create or replace function tasker._lease_until (
  p_token    uuid,
  p_step_ids bigint[],
  p_until    timestamptz
)
  returns timestamptz
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- How long a claim's lease may be: no longer than the first of its running steps may run, and 5
-- seconds, in which its worker can say so. After that nobody works on it, whatever its worker does.
-- So it is with what is to be done by a deadline.
--
-- Returns  p_until, or less
begin
  return (
    select least(p_until,
                 min(step.started_at + (link.timeout_seconds + 5) * interval '1 second'),
                 (select min(alarm.due_at) + interval '5 seconds'
                    from tasker.alarms as alarm
                   where alarm.step_id = any (p_step_ids || array(
                           select tasker._id_of_task(tasker._task_of(id))
                             from unnest(p_step_ids) as id))
                     and alarm.kind in ('deadline', 'finish_within')))
      from tasker.steps as step
      join tasker.template_steps as link on link.template_id = step.template_id
                                        and link.step_no = tasker._step_no(step.step_id)
     where step.step_id = any (p_step_ids)
       and step.claim_token = p_token
       and step.state = 'in_progress');
end;
$$;

comment on function tasker._lease_until is 'A lease that ends at p_until, or 5 s after the first deadline of the claim''s running steps if that is earlier.';
