create or replace function tasker.apply_repair (
  p_plan_uuid uuid,
  p_reason    text,
  p_limit     bigint default 100
)
  returns table (applied integer, refused integer, remaining integer, last_refusal text)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Applies the next p_limit of a plan. What was dealt with meanwhile is left alone; what
-- somebody holds is put off, as everywhere that rows are met in any order.
--
-- Returns  one row; call it until nothing remains
-- Raises   TK002 unknown plan, TK003 when more match now than were planned, 22023
-- Locks    the plan; then as the verb, waiting for nobody longer than 5 ms
-- Calls    _check_reason, _check_count, _repairable, _apply_verb, _operator
#variable_conflict use_column
declare
  v_patience constant text := current_setting('lock_timeout');
  v_plan     tasker.repair_plans%rowtype;
  v_matching bigint[];
  v_busy     bigint[] := array[]::bigint[];
  v_grown    integer;
  v_id       bigint;
  v_detail   text;
begin
  perform tasker._check_reason(p_reason);
  p_limit := coalesce(p_limit, 100);
  perform tasker._check_count(p_limit, 1, 'rows_per_call');
  select plan.* into v_plan
    from tasker.repair_plans as plan where plan.plan_uuid = p_plan_uuid for update;
  if not found then
    raise exception 'not found'
      using errcode = 'TK002', detail = format('there is no plan %s', p_plan_uuid),
            hint = 'Plans are kept for a day.';
  end if;
  v_matching := tasker._repairable(v_plan.verb, v_plan.filter);
  select count(*) into v_grown
    from (select unnest(v_matching) except select unnest(v_plan.ids)) as unplanned;
  if v_grown > 0 then
    raise exception 'the plan is out of date'
      using errcode = 'TK003',
            detail  = format('%s that were not planned match now', v_grown),
            hint    = 'Plan again, and look at the sample.';
  end if;

  applied := 0;
  refused := 0;
  for v_id in
    select planned.id
      from unnest(v_plan.ids[v_plan.position + 1 : v_plan.position + p_limit]) as planned (id)
     where planned.id in (select unnest(v_matching))
     order by planned.id
  loop
    begin
      perform set_config('lock_timeout', '5ms', true);
      perform tasker._apply_verb(v_plan.verb, v_id, v_plan.result, p_reason);
      applied := applied + 1;
    exception
      when lock_not_available then
        v_busy := v_busy || v_id;
      when sqlstate 'TK002' or sqlstate 'TK003' then
        refused      := refused + 1;
        get stacked diagnostics v_detail = pg_exception_detail;
        last_refusal := concat_ws(': ', sqlerrm, nullif(v_detail, ''));
    end;
  end loop;
  perform set_config('lock_timeout', v_patience, true);

  update tasker.repair_plans as plan
     set position = least(v_plan.position + p_limit, cardinality(v_plan.ids))
   where plan.plan_uuid = p_plan_uuid;
  if v_busy <> '{}' then
    update tasker.repair_plans as plan
       set ids = plan.ids || v_busy
     where plan.plan_uuid = p_plan_uuid;
  end if;
  if v_plan.position < cardinality(v_plan.ids) then
    perform tasker._operator('apply_repair', p_plan_uuid::text, p_reason, tasker._now());
  end if;
  remaining := greatest(cardinality(v_plan.ids) - v_plan.position - p_limit, 0)
             + cardinality(v_busy);
  return next;
end;
$$;

comment on function tasker.apply_repair is
'Applies the next p_limit (1 to rows_per_call) of a plan of plan_repair, each as by its verb and with the reason, which is recorded; call it until remaining is 0, as slowly as the system can bear. What was dealt with meanwhile is left alone, refused is what the state did not allow (last_refusal: why). Raises TK002 (no such plan), TK003 (something matches now that was not planned: plan again), 22023 (no reason, bad limit).';
