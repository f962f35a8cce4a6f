begin;
\ir ../fixtures.psql
select plan(4);

select pg_temp.a_template('ext', '{"a": []}', p_more => '{"finalization": "external"}');
select pg_temp.a_task('ext') as task \gset
select pg_temp.run_all();
select is_empty('select * from tasker.live_finalization_claims', 'nobody finalizes');
select finalization_attempt_uuid as attempt
 from tasker.claim_task_for_finalization(:'task', 'p1', 30) \gset
select results_eq('select task_uuid, namespace, name, task_state, processor_id, claimed_at, '
  'claimed_until, is_expired from tasker.live_finalization_claims',
  format($$ values (%L::uuid, 'test', 'ext', 'in_progress', 'p1', '2030-01-01Z'::timestamptz,
    '2030-01-01 00:00:30Z'::timestamptz, false) $$, :'task'), 'one does');
select pg_temp.later('31 seconds');
select results_eq('select is_expired from tasker.live_finalization_claims', array[true],
  'for no longer than it asked for');
select from tasker.finalize_task(:'task', :'attempt');
select is_empty('select * from tasker.live_finalization_claims', 'done');

select * from finish();
rollback;
