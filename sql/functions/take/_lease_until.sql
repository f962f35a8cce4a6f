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
--
-- Returns  p_until, or less
begin
  return (
    select least(p_until,
                 min(step.started_at + (link.timeout_seconds + 5) * interval '1 second'))
      from tasker.steps as step
      join tasker.template_steps as link on link.template_id = step.template_id
                                        and link.step_no = step.step_id & 1048575
     where step.step_id = any (p_step_ids)
       and step.claim_token = p_token
       and step.state = 'in_progress');
end;
$$;

comment on function tasker._lease_until is 'A lease that ends at p_until, or 5 s after the first deadline of the claim''s running steps if that is earlier.';
