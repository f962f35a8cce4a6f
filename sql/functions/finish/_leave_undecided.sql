create or replace function tasker._leave_undecided (p_step_ids bigint[], p_now timestamptz)
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Leaves steps to the sweep and to idle claims. They look for deferred decrements, so one of 0 says
-- that there is something undecided.
begin
  insert into tasker.undecided (step_id, since)
  select id, p_now from unnest(p_step_ids) as id
      on conflict do nothing;
  insert into tasker.deferred_decrements (step_id, amount, for_gate)
  select undecided.step_id, 0, true
    from (select undecided.step_id from tasker.undecided as undecided
           order by undecided.step_id limit 1) as undecided
   where not exists (select from tasker.deferred_decrements as deferred
                      where deferred.step_id = undecided.step_id);
end;
$$;

comment on function tasker._leave_undecided is 'Leaves steps that are to be decided about to the sweep and to idle claims, and sees that they look.';
