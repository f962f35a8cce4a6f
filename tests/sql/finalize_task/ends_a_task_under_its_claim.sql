begin;
\ir ../fixtures.psql
select plan(8);
select pg_temp.a_template('external', '{"a": [], "b": []}',
  p_more => '{"finalization": "external"}');
select pg_temp.a_task('external') as task \gset
select pg_temp.run_all();
select results_eq('select task_uuid, task_state from tasker.finalizable_tasks',
  format('values (%L::uuid, ''in_progress'')', :'task'), 'it waits for a processor');
select finalization_attempt_uuid as attempt from tasker.claim_task_for_finalization(:'task', 'p1')
  \gset
select format('select task_state, finalized, message from tasker.finalize_task(%L, %L)', :'task',
  :'attempt') as finalize \gset
select results_eq(:'finalize', $$ values ('complete', true, 'finalized') $$, 'it is complete');
select results_eq(:'finalize', $$ values ('complete', false, 'already_complete') $$,
  'to repeat changes nothing');
select results_eq('select actor, to_state from tasker.task_transitions order by transition_id '
  'desc, position desc limit 1',
  $$ values ('p1', 'complete') $$, 'history knows who');
select results_eq('select processor_id, outcome from tasker.past_finalization_attempts',
  $$ values ('p1', 'finalized') $$, 'and the audit');
select is_empty('select from tasker.live_finalization_claims', 'the claim is gone');
select is_empty('select from tasker.finalizable_tasks', 'and the task is not listed');
select is_empty('select * from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
