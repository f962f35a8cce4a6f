create or replace function tasker._set_alarms (p_step_ids bigint[], p_now timestamptz)
  returns void
  language sql
  set search_path = pg_catalog, pg_temp
as $$
-- The clocks begin of steps that enter and must start, or end, in time.
insert into tasker.alarms (step_id, kind, due_at)
select own.step_id, one.kind,
       p_now + make_interval(secs => (link.features ->> one.kind)::double precision)
  from unnest(p_step_ids) as own (step_id)
 cross join lateral (
       select step.template_id from tasker.steps as step where step.step_id = own.step_id
        limit 1) as step
 cross join lateral (
       select link.features from tasker.template_steps as link
        where link.template_id = step.template_id
          and link.step_no = tasker._step_no(own.step_id) limit 1) as link
 cross join (values ('start_within'), ('finish_within')) as one (kind)
 where link.features ? one.kind
    on conflict (step_id, kind) do update set due_at = excluded.due_at;
$$;

comment on function tasker._set_alarms is 'The clocks begin of steps that enter and must start, or end, in time.';
