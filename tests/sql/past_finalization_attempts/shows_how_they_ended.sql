begin;
\ir ../fixtures.psql
select plan(2);

select pg_temp.a_template('ext', '{"a": []}', p_more => '{"finalization": "external"}');
select pg_temp.a_task('ext') as task \gset
select pg_temp.run_all();
select finalization_attempt_uuid as first from tasker.claim_task_for_finalization(:'task', 'p1', 30)
  \gset
select from tasker.release_finalization_claim(:'first');
select finalization_attempt_uuid as second
 from tasker.claim_task_for_finalization(:'task', 'p2', 30) \gset
select is((select count(*) from tasker.past_finalization_attempts), 1::bigint,
  'the one that lives is not past');
select pg_temp.later('10 seconds');
select from tasker.finalize_task(:'task', :'second');
select set_eq('select task_uuid, finalization_attempt_uuid, processor_id, ended_at, outcome from '
  'tasker.past_finalization_attempts',
  format($$ values (%1$L::uuid, %2$L::uuid, 'p1', '2030-01-01Z'::timestamptz, 'released'),
    (%1$L, %3$L, 'p2', '2030-01-01 00:00:10Z', 'finalized') $$,
         :'task', :'first', :'second'), 'who, when and how');

select * from finish();
rollback;
