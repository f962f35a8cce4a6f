create or replace function tasker._open_waits (
  p_step_ids  bigint[],
  p_now       timestamptz,
  out ids     bigint[],
  out changes tasker.transition[],
  out failed  bigint[],
  out gated   bigint[]
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Opens what steps wait for that have just entered: from now on its clock runs. A moment that has
-- passed ends it at once, and so do signals that were stored.
--
-- Returns  as _close_waits
-- Locks    nothing: the caller has written the rows
-- Calls    _wait_until, _take_stored, _close_waits
begin
  with opened as (
    insert into tasker.waits (step_id, kind, names, wanted, opened_at, until)
    select own.step_id, link.wait ->> 'kind',
           case when link.wait ? 'names'
                then array(select jsonb_array_elements_text(link.wait -> 'names')) end,
           (link.wait -> 'count')::integer,
           p_now, tasker._wait_until(own.step_id, link.wait, p_now)
      from unnest(p_step_ids) as own (step_id)
     cross join lateral (
           select step.template_id from tasker.steps as step where step.step_id = own.step_id
            limit 1) as step
     cross join lateral (
           select link.features -> 'wait' as wait from tasker.template_steps as link
            where link.template_id = step.template_id
              and link.step_no = tasker._step_no(own.step_id) limit 1) as link
    returning step_id, until
  )
  insert into tasker.alarms (step_id, kind, due_at)
  select opened.step_id, 'wait', opened.until from opened where opened.until > p_now;
  perform tasker._take_stored(p_step_ids);
  select * into ids, changes, failed, gated from tasker._close_waits(p_step_ids, p_now);
end;
$$;

comment on function tasker._open_waits is 'Opens what steps wait for that have just entered, and ends what is over at once.';
