begin;
\ir ../fixtures.psql
select plan(3);
select pg_temp.gated('t', '[{"name": "s", "wait": {"signal": "ok", "timeout": "P1D"}},
  {"name": "c", "wait": {"until": {"sql": "shop.is_ready"}}}, {"name": "d", "wait":
  {"for": "P1D"}}]');
select results_eq($$ select step ->> 'name', step -> 'wait'
  from tasker.get_template('test', 't') as template,
       jsonb_array_elements(template.definition -> 'steps') as step $$, $$ values
  ('s', '{"signal": "ok", "timeout": "P1D", "count": 1, "on_timeout": "fail"}'::jsonb),
  ('c', '{"until": {"sql": "shop.is_ready"}, "every": "PT1M"}'), ('d', '{"for": "P1D"}') $$,
  'its defaults');
select is((select created from tasker.register_template((select definition
  from tasker.get_template('test', 't')))), false, 'which say the same');

-- A step that sleeps is not a first step of a task that is to begin.
select pg_temp.a_task();
select from (select step_uuid, token from tasker.claim_steps('test', 'w')) as step
 cross join lateral tasker.sleep_step(step_uuid, token, '1 hour');
select results_eq('select waiting_for_retry_steps, scheduled_steps from '
  'tasker.get_system_health_counts()', 'values (0::bigint, 0::bigint)', 'neither');

select * from finish();
rollback;
