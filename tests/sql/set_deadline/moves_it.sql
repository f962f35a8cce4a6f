begin;
\ir ../fixtures.psql
select plan(11);
-- D6
select pg_temp.a_task() as task \gset
select results_eq(format('select deadline, previous from tasker.set_deadline(%L, '
  '''2030-01-01 01:00Z'', ''x'')', :'task'),
  $$ values (timestamptz '2030-01-01 01:00Z', null::timestamptz) $$, 'sets it');
select results_eq(format('select deadline, previous from tasker.set_deadline(%L, '
  '''2030-01-01 02:00Z'', ''x'')', :'task'),
  $$ values (timestamptz '2030-01-01 02:00Z', timestamptz '2030-01-01 01:00Z') $$,
  'moves it');
select from tasker.set_deadline(:'task', '2030-01-01 02:00Z', 'again');
select is((select count(*) from tasker.operator_history where verb = 'set_deadline'), 2::bigint,
  'what changes nothing is not written down');
select pg_temp.later('1 hour 30 minutes');
select from tasker.sweep();
select is(pg_temp.task_state(:'task'), 'pending', 'the old one is forgotten');
select is((select previous from tasker.set_deadline(:'task', null, 'x')), '2030-01-01 02:00Z',
  'takes it away');
select is((select deadline from tasker.get_task(:'task')), null, 'it is gone');
select from tasker.set_deadline(:'task', '2030-01-01 00:00Z', 'now');
select from tasker.sweep();
select is(pg_temp.task_state(:'task'), 'error', 'a moment that has passed');
select from tasker.set_deadline(:'task', null, 'of a task in error');
select is_empty('select * from tasker.check_invariants()', 'all is well');
select is(pg_temp.refusal(format('select from tasker.set_deadline(%L, %L, ''x'')', :'task', time))
  like '22023%', true, 'no time: ' || time) from unnest('{infinity,10000-01-01Z}'::text[]) as time;
select from tasker.resolve_task(:'task', 'enough');
select is(pg_temp.refusal(format('select from tasker.set_deadline(%L, null, ''x'')', :'task'))
  like 'TK003%', true, 'it is over');
select * from finish();
rollback;
