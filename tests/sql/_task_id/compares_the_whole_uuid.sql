begin;
\ir ../fixtures.psql
select plan(4);
-- A uuid carries its id in its low bits; one that is made up around an id does not find the task.
select pg_temp.a_template('external', '{"a": []}', p_more => '{"finalization": "external"}');
select pg_temp.a_task('external') as task \gset
select pg_temp.run_all();
select '00000000-0000-7000' || right(:'task', 18) as forged,
  '00000000-0000-7000' || right(pg_temp.step(:'task', 'a')::text, 18) as forged_step \gset
select is(tasker._step_id(:'forged'), tasker._step_id(:'task'), 'the same id');
select is(pg_temp.refusal(format('select from tasker.cancel_task(%L, ''why'')', :'forged')),
  'TK002: task ' || :'forged', 'is another task');
select is(pg_temp.refusal(format('select from tasker.resolve_step(%L, ''why'')', :'forged_step')),
  'TK002: step ' || :'forged_step', 'its step is another step');
select is((select message from tasker.claim_task_for_finalization(:'forged', 'p1')), 'not_found',
  'and there is nothing to finalize');

select * from finish();
rollback;
