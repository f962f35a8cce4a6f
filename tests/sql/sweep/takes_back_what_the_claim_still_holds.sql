begin;
\ir ../fixtures.psql
select plan(5);
-- One claim of three last attempts: one is cancelled, one done by hand, and nobody reports the
-- third.
select pg_temp.a_template('t', '{"a": []}', '{"max_attempts": 1}');
select pg_temp.a_task('t') as cancelled, pg_temp.a_task('t') as settled, pg_temp.a_task('t') as lost
  \gset
select pg_temp.a_claim(3) as token \gset
select from tasker.cancel_task(:'cancelled', 'no need');
select from tasker.complete_step_manually(pg_temp.step(:'settled', 'a'), null, 'by hand');
select pg_temp.later('31 seconds');
select is((select affected from tasker.sweep() where action = 'claims_taken_back'), 1,
  'the claim is taken back');
select is(pg_temp.step_state(pg_temp.step(:'lost', 'a')), 'error',
  'its last step was tried in vain');
select is(pg_temp.step_state(pg_temp.step(:'cancelled', 'a')), 'cancelled',
  'the cancelled one stays so');
select is(pg_temp.step_state(pg_temp.step(:'settled', 'a')), 'complete',
  'and that which was done by hand');
select is((select count(*) from tasker.step_failures), 1::bigint, 'one attempt failed');

select * from finish();
rollback;
