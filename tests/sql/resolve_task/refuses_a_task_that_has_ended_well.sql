begin;
\ir ../fixtures.psql
select plan(4);
select pg_temp.a_template('one', '{"only": []}');
select pg_temp.a_task('one') as done, pg_temp.a_task('one') as cancelled \gset
select from tasker.claim_steps('test', 'w1') as step,
  lateral tasker.complete_step(step_uuid, token);
select from tasker.cancel_task(:'cancelled', 'not wanted');
select is(pg_temp.refusal(format('select from tasker.resolve_task(%L, ''why'')', :'done')),
  'TK003: the task is complete; it cannot become resolved_manually', 'complete');
select is(pg_temp.refusal(format('select from tasker.resolve_task(%L, ''why'')', :'cancelled')),
  'TK003: the task is cancelled; it cannot become resolved_manually', 'cancelled');
select is((select count(*) from tasker.tasks where state = 'resolved_manually'), 0::bigint,
  'none is resolved');
select is((select count(*) from tasker.operator_actions), 1::bigint, 'nothing is written down');

select * from finish();
rollback;
