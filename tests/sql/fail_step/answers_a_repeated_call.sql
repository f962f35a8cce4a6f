begin;
\ir ../fixtures.psql
select plan(9);
select pg_temp.a_template('two', '{"a": [], "b": []}',
  '{"max_attempts": 2, "backoff_base_ms": 1000, "jitter": true}');
select pg_temp.a_task('two') as task \gset
select pg_temp.step(:'task', 'a') as a, pg_temp.step(:'task', 'b') as b \gset
select pg_temp.a_claim(2) as token \gset
select format('select * from tasker.fail_step(%L, %L, ''"boom"'')', :'a', :'token') as call \gset

create temp table answer as :call;
select pg_temp.later('500 ms');
select results_eq(:'call', 'table answer', 'the same answer, with the same time');
select is((select count(*) from tasker.step_failures), 1::bigint, 'it failed once');
select is((select count(*) from tasker.timers), 1::bigint, 'and waits once');
select is((select count(*) from pg_temp.history(:'a')), 3::bigint,
  'there is nothing new in history');

-- Later, when it runs again, and when it and the task are over.
select pg_temp.later('1 second');
select from tasker.sweep();
select pg_temp.a_claim() as last \gset
select results_eq(:'call', 'table answer', 'the same while the next attempt runs');
select results_eq(format('select step_state, task_state from tasker.fail_step(%L, %L, ''"boom"'', '
  'false)', :'b', :'token'), $$ values ('error', 'blocked_by_failures') $$,
  'the other fails for good');
select results_eq(format('select step_state, task_state from tasker.fail_step(%L, %L, ''"boom"'')',
  :'a', :'last'), $$ values ('error', 'error') $$, 'then it does');
select results_eq(:'call', 'table answer', 'the same when the task is over');
select is((select count(*) from tasker.step_failures), 3::bigint, 'three failures in all');

select * from finish();
rollback;
