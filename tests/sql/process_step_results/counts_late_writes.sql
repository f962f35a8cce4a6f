begin;
\ir ../fixtures.psql
select plan(3);
select pg_temp.a_template('t', '{"a": []}');
select pg_temp.a_task('t') as late \gset
select pg_temp.a_claim() as token \gset
select pg_temp.later('31 seconds');
select from tasker.sweep();

-- A worker that can only write messages.
select from pgmq.send('orchestration_step_results', jsonb_build_object('token', :'token',
  'outcomes', pg_temp.outcomes(pg_temp.outcome(pg_temp.step(:'late', 'a')))));
select isnt((select error from tasker.process_step_results()), null, 'a late message is refused');
select results_eq('select step_uuid, worker, cause from tasker.late_writes',
  format($$ values (%L::uuid, 'w1', 'lease expired') $$, pg_temp.step(:'late', 'a')),
  'and counted');

-- A submission is safe from the lease, but not from an operator.
select pg_temp.a_claim(1, 'w2') as token \gset
select from tasker.submit_step_results(:'token',
  pg_temp.outcomes(pg_temp.outcome(pg_temp.step(:'late', 'a'), '1')));
select from tasker.complete_step_manually(pg_temp.step(:'late', 'a'), '2', 'by hand');
select pg_temp.later('1 second');
select from tasker.process_step_results();
select results_eq($$ select cause, late_by from tasker.late_writes where worker = 'w2' $$,
  $$ values ('taken over', interval '1 second') $$, 'what was left out is counted');

select * from finish();
rollback;
