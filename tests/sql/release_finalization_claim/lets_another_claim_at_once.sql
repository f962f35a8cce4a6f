begin;
\ir ../fixtures.psql
select plan(8);
select pg_temp.a_template('external', '{"a": [], "b": []}',
  p_more => '{"finalization": "external"}');
select pg_temp.a_task('external') as task \gset
select pg_temp.run_all();
select finalization_attempt_uuid as attempt from tasker.claim_task_for_finalization(:'task', 'p1')
  \gset
select is((select message from tasker.claim_task_for_finalization(:'task', 'p2')),
  'already_claimed', 'one was refused meanwhile');
select pg_temp.later('1 second');
select results_eq(format('select * from tasker.release_finalization_claim(%L)', :'attempt'),
  format('values (%L::uuid, ''in_progress'', true)', :'task'), 'it is given back');
select results_eq('select task_uuid, claimed_by from tasker.finalizable_tasks',
  format('values (%L::uuid, null)', :'task'),
  'the refused one finds the task again');
select pg_temp.later('1 second');
select results_eq(format('select released from tasker.release_finalization_claim(%L)', :'attempt'),
  array[false], 'it is safe to repeat');
select is((select message from tasker.claim_task_for_finalization(:'task', 'p2')), 'claimed',
  'another claims');
select results_eq(format('select released from tasker.release_finalization_claim(%L)', :'attempt'),
  array[false], 'whose claim is not touched');
select is((select count(*) from tasker.live_finalization_claims), 1::bigint, 'by the first');
select is_empty('select from tasker.release_finalization_claim(null)',
  'an unknown attempt is nothing');

select * from finish();
rollback;
