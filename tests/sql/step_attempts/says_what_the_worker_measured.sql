begin;
\ir ../fixtures.psql
select plan(2);
select pg_temp.a_template('t', '{"a": []}', '{"max_attempts": 3, "backoff": "none"}');
select pg_temp.a_task('t') as task \gset
select pg_temp.step(:'task', 'a') as a \gset
select from tasker.fail_step(:'a', pg_temp.a_claim(), '"no"', p_seconds => 1.5);
select from tasker.sweep();
select pg_temp.a_claim() as token \gset
select results_eq(format('select attempt, seconds from tasker.step_attempts(%L)', :'a'),
  $$ values (1, 1.5::real), (2, null) $$, 'not yet, while it runs');
select from tasker.complete_step(:'a', :'token', p_seconds => 0.25);
select results_eq(format('select attempt, outcome, seconds from tasker.step_attempts(%L)', :'a'),
  $$ values (1, 'failed', 1.5::real), (2, 'complete', 0.25) $$, 'of each attempt');

select * from finish();
rollback;
