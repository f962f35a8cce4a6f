begin;
\ir ../fixtures.psql
select plan(9);
select pg_temp.a_template('external', '{"a": [], "b": []}',
  p_more => '{"finalization": "external"}');
select pg_temp.a_task('external') as task \gset
select pg_temp.run_all();
select finalization_attempt_uuid as first from tasker.claim_task_for_finalization(:'task', 'p1')
  \gset
select throws_ok(format('select from tasker.finalize_task(%L)', :'task'), 'TK001', null,
  'without the token, while somebody holds the claim');
select throws_ok(format('select from tasker.finalize_task(%L, gen_random_uuid())', :'task'),
  'TK001', null, 'with another one');
select from tasker.release_finalization_claim(:'first');
select throws_ok(format('select from tasker.finalize_task(%L, %L)', :'task', :'first'), 'TK001',
  null, 'with a released one');
select finalization_attempt_uuid as second from tasker.claim_task_for_finalization(:'task', 'p2')
  \gset
select throws_ok(format('select from tasker.finalize_task(%L, %L)', :'task', :'first'), 'TK001',
  null, 'with a lost one');
select is(pg_temp.task_state(:'task'), 'in_progress', 'nothing has changed');
select is((select finalized from tasker.finalize_task(:'task', :'second')), true,
  'the right one finalizes');
select throws_ok(format('select from tasker.finalize_task(%L, %L)', :'task', :'first'), 'TK001',
  null, 'a lost one is refused afterwards, too');
select throws_ok('select from tasker.finalize_task(null)', '22023', 'a task is needed', 'no task');
select throws_ok('select from tasker.finalize_task(gen_random_uuid())', 'TK002', 'task not found',
  'unknown task');

select * from finish();
rollback;
