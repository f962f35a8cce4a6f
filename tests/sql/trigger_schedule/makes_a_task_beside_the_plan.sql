begin;
\ir ../fixtures.psql
select plan(9);
select pg_temp.a_schedule('0 * * * *', '{"overlap": "skip"}');
select pg_temp.at('2030-01-01 01:00Z'), pg_temp.fired();

select created, task_uuid as task from tasker.trigger_schedule('test', 'plan', 'now') \gset
select is(:'created', true, 'a task, whatever else is open');
select results_eq('select created, task_uuid
                     from tasker.trigger_schedule(''test'', ''plan'', ''x'')',
  format('values (false, %L::uuid)', :'task'), 'the same one at the same instant');
select results_eq('select tick_at, outcome, task_uuid, detail ->> ''reason''
                     from tasker.list_ticks(''test'', ''plan'') limit 1',
  format('values (timestamptz ''2030-01-01 01:00:00.000001Z'', ''triggered'', %L::uuid, ''now'')',
         :'task'), 'its tick is the moment, which is none of the plan');
select is((select context -> 'schedule' ->> 'tick_at' from tasker.tasks where task_uuid = :'task'),
  '2030-01-01T01:00:00.000001Z', 'as its task knows');
select is((select next_tick from tasker.list_schedules()), '2030-01-01 02:00Z',
  'the plan is as it was');
select pg_temp.later('1.5 s');
select from tasker.pause_schedule('test', 'plan', 'x');
select is((select created from tasker.trigger_schedule('test', 'plan', 'again')), true,
  'another one later, also while it is paused');
select is((select reason from tasker.operator_history where verb = 'trigger_schedule'
            order by action_id limit 1), 'now', 'somebody said why');
select is((select open_tasks from tasker.list_schedules()), 3::bigint, 'all count as open');
select is_empty('select * from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
