-- S5: the rules of a time zone may have changed since the next tick was stored.
begin;
\ir ../fixtures.psql
select plan(2);
select pg_temp.a_template('t', '{"a": []}');
select from tasker.put_schedule('test', 's', '{"template": "t", "cron": "0 3 * * *"}');
update tasker.schedules set next_tick = '2030-01-01T01:00Z';
select pg_temp.later('2 hours');
select from tasker.sweep();
select is_empty('select from tasker.tasks', 'what is not a tick any more makes no task');
select results_eq('select next_tick from tasker.list_schedules()',
  $$ values (timestamptz '2030-01-01T03:00Z') $$, 'the next one is that of now');

select * from finish();
rollback;
