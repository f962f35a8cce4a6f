begin;
\ir ../fixtures.psql
\ir tampered.psql
select plan(4);

select pg_temp.a_template('two', '{"a": [], "b": []}', '{"max_attempts": 1}');
select pg_temp.a_task('two') as task \gset
select pg_temp.a_claim() as token \gset
select from tasker.fail_step(pg_temp.step(:'task', 'a'), :'token', '"no"');
select is_empty('select * from tasker.check_invariants()', 'it is listed');
select pg_temp.sees('delete from tasker.dead_steps',
  'safety: a failed step is listed until it is dealt with');
select pg_temp.sees('update tasker.dead_steps set step_id = step_id + 1',
  'safety: a failed step is listed until it is dealt with',
  'safety: a failed step is listed until it is dealt with');
select from tasker.cancel_task(:'task', 'no more');
select is_empty('select * from tasker.check_invariants()', 'nor when its task is cancelled');

select * from finish();
rollback;
