begin;
\ir ../fixtures.psql
select plan(7);
select pg_temp.a_template('t', '{"a": []}');
select pg_temp.a_task('t', jsonb_build_object('n', n)) from generate_series(1, 4) as n;
create temp table mine as select step_uuid, task_uuid, token,
  context ->> 'n' as n from tasker.claim_steps('test', 'w1', 4);
select from tasker.submit_step_results((select token from mine limit 1),
  (select jsonb_agg(jsonb_build_object('step_uuid', step_uuid, case when n in ('1', '2')
    then 'result' else 'error' end, n)) from mine));

-- Meanwhile one of the done and one of the failed are cancelled.
select from (select task_uuid from mine where n in ('2', '4')) as task,
  lateral tasker.cancel_task(task_uuid, 'not wanted');
select results_eq('select completed, failed, error from tasker.process_step_results()',
  $$ values (1, 1, null::text) $$, 'the others are applied');
select results_eq('select n, pg_temp.step_state(step_uuid) from mine order by n',
  $$ values ('1', 'complete'), ('2', 'cancelled'), ('3', 'waiting_for_retry'),
    ('4', 'cancelled') $$, 'the cancelled ones stay cancelled');
select is((select count(*) from tasker.step_failures), 1::bigint, 'one failure');
select is_empty('select from tasker.submissions', 'the submission is done with');

-- A message that is lost: the sweep finds the submission.
select pg_temp.a_task('t', '{"n": 5}') as task \gset
select pg_temp.a_claim() as token \gset
select from tasker.submit_step_results(:'token',
  pg_temp.outcomes(pg_temp.outcome(pg_temp.step(:'task', 'a'))));
select from pgmq.purge_queue('orchestration_step_results');
select is((select affected from tasker.sweep() where action = 'submissions_processed'), 0,
  'not at once');
select pg_temp.later('5.1 seconds');
select is((select affected from tasker.sweep() where action = 'submissions_processed'), 1,
  'after five seconds the sweep does it');
select is(pg_temp.task_state(:'task'), 'complete', 'to the end');

select * from finish();
rollback;
