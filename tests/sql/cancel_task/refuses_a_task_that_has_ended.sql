begin;
\ir ../fixtures.psql
select plan(7);
select pg_temp.a_template('one', '{"only": []}');
select pg_temp.a_task('one') as done, pg_temp.a_task('one') as failed,
  pg_temp.a_task('one') as resolved \gset
select from tasker.claim_steps('test', 'w1') as step,
  lateral tasker.complete_step(step_uuid, token);
select from tasker.claim_steps('test', 'w1') as step,
  lateral tasker.fail_step(step_uuid, token, '"no"', false);
select from tasker.resolve_task(:'resolved', 'by hand');

select is(pg_temp.refusal(format('select from tasker.cancel_task(%L, ''why'')', :'done')),
  'TK003: the task is complete; it cannot become cancelled', 'complete');
select is(pg_temp.refusal(format('select from tasker.cancel_task(%L, ''why'')', :'failed')),
  'TK003: the task is error; it cannot become cancelled', 'error');
select is(pg_temp.refusal(format('select from tasker.cancel_task(%L, ''why'')', :'resolved')),
  'TK003: the task is resolved_manually; it cannot become cancelled', 'resolved_manually');
select is((select count(*) from tasker.tasks where state = 'cancelled'), 0::bigint,
  'none is cancelled');
select is((select count(*) from tasker.steps where state = 'cancelled'), 1::bigint,
  'no more steps are');
select is((select count(*) from tasker.operator_actions), 1::bigint, 'nothing is written down');
select is_empty('select * from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
