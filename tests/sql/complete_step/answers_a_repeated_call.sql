begin;
\ir ../fixtures.psql
select plan(15);
select pg_temp.a_template('two', '{"a": [], "b": ["a"]}');
select pg_temp.a_task('two') as task \gset
select pg_temp.step(:'task', 'a') as a, pg_temp.step(:'task', 'b') as b \gset
select pg_temp.a_claim() as token \gset
select format('select task_uuid, step_state, task_state from tasker.complete_step(%L, %L, ''1'', '
  'p_repeat => true)', :'a', :'token') as call \gset

select is((select repeated from tasker.complete_step(:'a', :'token', '1')), false,
  'the first call is not repeated');
create temp table answer as :call;
select pg_temp.later('1 second');
select is(pg_temp.refusal(format('select from tasker.complete_step(%L, %L, ''1'')', :'a',
  :'token')), format('TK009: %s is complete', :'a'),
  'who may have written something must roll back');
select is(pg_temp.refusal(format('select from tasker.complete_step(%L, %L, ''1'', null)', :'a',
  :'token')), format('TK009: %s is complete', :'a'), 'null is the default');
select is(pg_temp.refusal(format('select from tasker.complete_step(%L, %L, ''1'', false)', :'a',
  gen_random_uuid())) like 'TK001%', true, 'a stranger is stale');
select is(pg_temp.refusal(format('select from tasker.complete_step(%L, %L, ''1'', true)', :'a',
  gen_random_uuid())) like 'TK001%', true, 'whatever he says');
select results_eq(:'call', 'table answer', 'the same answer');
select is((select repeated from tasker.complete_step(:'a', :'token', '1', true)), true,
  'which says so');
select is((select count(*) from pg_temp.queued('test_queue')), 1::bigint,
  'the child is enqueued once');
select is((select waiting_parents from tasker.steps where step_id = tasker._step_id(:'b')), 0,
  'and counted once');
select results_eq(format('select pg_temp.history(%L)', :'a'),
  array['step pending -> enqueued', 'step enqueued -> in_progress', 'step in_progress -> complete'],
  'there is nothing new in history');
select from tasker.complete_step(:'a', :'token', '2', true);
select is((select result from tasker.steps where step_id = tasker._step_id(:'a')), '1',
  'the first result stays');

-- Later, when the task has gone on, and when it is over.
select pg_temp.a_claim() as token_b \gset
select results_eq(:'call', 'table answer', 'the same while the child runs');
select from tasker.complete_step(:'b', :'token_b');
select results_eq(:'call', 'table answer', 'the same when the task is complete');
select results_eq(format('select step_state, task_state from tasker.complete_step(%L, %L, p_repeat '
  '=> true)', :'b', :'token_b'), $$ values ('complete', 'complete') $$, 'as the last one''s says');
select throws_ok(format('select * from tasker.complete_step(%L, %L)', :'a', :'token_b'), 'TK001',
  null, 'another token never had it');

select * from finish();
rollback;
