begin;
\ir ../fixtures.psql
select plan(9);
-- D5
select pg_temp.a_template('soon', '{"only": []}', '{"max_attempts": 1}',
  p_more => '{"deadline": "PT1H"}');
select pg_temp.a_task('soon') as task \gset
select pg_temp.step(:'task', 'only') as only \gset
select pg_temp.a_claim() as token \gset
select from tasker.fail_step(:'only', :'token', '"no"');
select is_empty('select from tasker.alarms', 'a task in error has no alarm');
select from tasker.retry_step(:'only', 'again');
select is((select due_at from tasker.alarms), '2030-01-01 01:00Z', 'retried in time, it has');
select pg_temp.later('1 hour');
select from tasker.sweep();
select is(pg_temp.step_state(:'only'), 'error', 'it passes');
select is(pg_temp.refusal(format('select from tasker.retry_step(%L, ''x'')', :'only')),
  'TK003: it was 2030-01-01 01:00:00+00', 'then another is needed');
select is(pg_temp.refusal(format('select from tasker.retry_step(%L, ''x'', %L)', :'only',
  '{"deadline": "soon"}')) like '22023: deadline is%', true, 'that is one');
select from tasker.retry_step(:'only', 'x', '{"deadline": "PT2H"}');
select is((select deadline from tasker.get_task(:'task')), '2030-01-01 03:00Z',
  'a duration from now');
select is((select due_at from tasker.alarms), '2030-01-01 03:00Z', 'it counts');
select is(pg_temp.step_state(:'only'), 'enqueued', 'the step runs');
select is_empty('select * from tasker.check_invariants()', 'all is well');
select * from finish();
rollback;
