begin;
\ir ../fixtures.psql
select plan(13);
-- K2, K3, K5, N4
select pg_temp.a_template('load', '{"a": [], "b": ["a"]}',
  '{"max_attempts": 2, "backoff": "none"}');
select pg_temp.a_task('load') as task \gset
select pg_temp.step(:'task', 'a') as a \gset
select token, checkpoint is null and checkpoint_number is null as is_new
  from tasker.claim_steps('test', 'w') \gset
select is(:'is_new'::text, 't', 'the first attempt has none');
select results_eq(format('select number, repeated, saved_at from tasker.checkpoint_step(%L, %L, '
  '''{"last": 7}'', 0)', :'a', :'token'),
  $$ values (1::bigint, false, timestamptz '2030-01-01 00:00Z') $$, 'they count from 1');
select is((select number from tasker.checkpoint_step(:'a', :'token', '{"last": 8}')), 2::bigint,
  'without p_after each call saves');

select from tasker.fail_step(:'a', :'token', '"no"');
select from tasker.sweep();
create function pg_temp.again (out token uuid, out said text) language sql as $$
select token, concat_ws(' ', attempt, checkpoint, checkpoint_number)
  from tasker.claim_steps('test', 'w')
$$;
select token, said from pg_temp.again() \gset
select is(:'said'::text, '2 {"last": 8} 2', 'after a failure');
select from tasker.release_claim(:'token');
select token, said from pg_temp.again() \gset
select is(:'said'::text, '2 {"last": 8} 2', 'after a release');
select from tasker.checkpoint_step(:'a', :'token', 'null', 2);
select pg_temp.later('1 minute');
select from tasker.sweep();
select token, said from pg_temp.again() \gset
select is(:'said'::text, '2 3', 'after a lost lease; null is one, too');
select from tasker.fail_step(:'a', :'token', '"no"');
select is((select step_state from tasker.retry_step(:'a', 'again')), 'enqueued', 'in error');
select token, said from pg_temp.again() \gset
select is(:'said'::text, '1 3', 'it is kept: retry_step goes on');
select from tasker.fail_step(:'a', :'token', '"no"', false);
select from tasker.retry_step(:'a', 'again', '{"fresh": true}');
select token, said from pg_temp.again() \gset
select is(:'said'::text, '1', 'or starts over');
select from tasker.checkpoint_step(:'a', :'token', '1', 0);
select from tasker.complete_step(:'a', :'token');
select is_empty('select from tasker.checkpoints', 'a step that has ended has none');
select token, said from pg_temp.again() \gset
select is(:'said'::text, '1', 'nor has the next one');
select from tasker.checkpoint_step(pg_temp.step(:'task', 'b'), :'token', '1');
select from tasker.cancel_task(:'task', 'enough');
select is_empty('select from tasker.checkpoints', 'nor one that was cancelled');
select is_empty('select * from tasker.check_invariants()', 'all is well');
select * from finish();
rollback;
