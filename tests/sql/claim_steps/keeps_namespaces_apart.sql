begin;
\ir ../fixtures.psql
select plan(7);
select tasker.register_template('{"name": "t", "namespace_name": "test", "version": "1.0.0", '
  '"steps": [
  {"name": "a", "handler": {"callable": "a"}}, {"name": "b", "handler": {"callable": "b"}, '
  '"namespace": "away", "dependencies": ["a"]},
  {"name": "c", "handler": {"callable": "c"}, "dependencies": ["b"]}]}');
select pg_temp.a_task('t') as task \gset

select is_empty($$ select from tasker.claim_steps('away', 'w2', 10) $$,
  'nothing for another namespace');
select pg_temp.a_claim(10) as token \gset
select tasker.complete_step(pg_temp.step(:'task', 'a'), :'token', '1');
select is_empty($$ select from tasker.claim_steps('test', 'w1', 10) $$,
  'a step that is routed away is not handed out at home');

-- Not even when its pointer lies in the wrong queue.
select from pgmq.send('test_queue',
  jsonb_build_object('step_id', tasker._step_id(pg_temp.step(:'task', 'b'))));
select is_empty($$ select from tasker.claim_steps('test', 'w1', 10) $$,
  'nor through a message in the wrong queue');
select results_eq(format('select name, state, attempt from pg_temp.step_states(%L) where name = '
  '''b''', :'task'), $$ values ('b', 'enqueued', 0) $$,
  'which leaves the step as it was');
select is_empty(format('select from tasker.steps where step_id = %s and (claim_token is not null '
  'or started_at is not null)', tasker._step_id(pg_temp.step(:'task', 'b'))),
  'without a trace');

select results_eq($$ select name, dependency_results from tasker.claim_steps('away', 'w2', 10) $$,
  $$ values ('b', '{"a": 1}'::jsonb) $$, 'its own workers get it');
select tasker.complete_step(pg_temp.step(:'task', 'b'), (select token from tasker.claims));
select results_eq($$ select name from tasker.claim_steps('test', 'w1', 10) $$, array['c'],
  'and the next one comes home');

select * from finish();
rollback;
