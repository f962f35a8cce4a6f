begin;
\ir ../fixtures.psql
select plan(2);
-- K4: a failure ends the row of attempts that were lost.
select pg_temp.a_template('load', '{"only": []}', '{"max_attempts": 4, "backoff": "none"}');
select pg_temp.a_task('load') as task \gset
select step_uuid as only, token from tasker.claim_steps('test', 'w') \gset
select from tasker.checkpoint_step(:'only', :'token', '1');
select pg_temp.later('1 minute');
select from tasker.sweep();
select from tasker.claim_steps('test', 'w');
select pg_temp.later('1 minute');
select from tasker.sweep();
select token from tasker.claim_steps('test', 'w') \gset
select from tasker.fail_step(:'only', :'token', '"no"');
select from tasker.sweep();
select token from tasker.claim_steps('test', 'w') \gset
select from tasker.checkpoint_step(:'only', :'token', '2');
select pg_temp.later('1 minute');
select from tasker.sweep();
select is((select attempt from tasker.steps where step_id = tasker._step_id(:'only')), 2::smallint,
  'what was lost before it counts, and it counts');
select is_empty('select * from tasker.check_invariants()', 'all is well');
select * from finish();
rollback;
