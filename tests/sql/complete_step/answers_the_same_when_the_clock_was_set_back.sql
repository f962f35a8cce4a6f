begin;
\ir ../fixtures.psql
select plan(2);
select pg_temp.a_template('two', '{"a": [], "b": ["a"]}');
select pg_temp.a_task('two') as task \gset
select pg_temp.step(:'task', 'a') as a, pg_temp.step(:'task', 'b') as b \gset
select pg_temp.a_claim() as token \gset
select format('select task_uuid, step_state, task_state from tasker.complete_step(%L, %L, p_repeat '
  '=> true)', :'a', :'token') as call \gset
create temp table answer as :call;

select pg_temp.a_claim() as token_b \gset
select pg_temp.later('-1 second');
select is(task_state, 'complete', 'the task ends before its first step, says the clock')
  from tasker.complete_step(:'b', :'token_b');
select results_eq(:'call', 'table answer', 'the first step''s answer is still the first one');

select * from finish();
rollback;
