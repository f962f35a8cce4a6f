begin;
\ir ../fixtures.psql
select plan(7);
select pg_temp.a_template('external', '{"a": [], "b": []}',
  p_more => '{"finalization": "external"}');
select pg_temp.a_task('external') as task \gset
select pg_temp.run_all();
select finalization_attempt_uuid as first from tasker.claim_task_for_finalization(:'task', 'p1', 10)
  \gset
select results_eq('select processor_id, claimed_until, is_expired from '
  'tasker.live_finalization_claims',
  $$ values ('p1', '2030-01-01 00:00:10Z'::timestamptz, false) $$, 'it can be seen');
select pg_temp.later('10 seconds');
select is((select message from tasker.claim_task_for_finalization(:'task', 'p2')),
  'already_claimed', 'it holds to its last moment');
select pg_temp.later('1 microsecond');
select is((select message from tasker.claim_task_for_finalization(:'task', 'p2')), 'claimed',
  'then another may claim');
select results_eq('select finalization_attempt_uuid, processor_id, outcome from '
  'tasker.past_finalization_attempts where outcome <> ''refused''',
  format('values (%L::uuid, ''p1'', ''expired'')', :'first'), 'the first has expired');
select throws_ok(format('select from tasker.finalize_task(%L, %L)', :'task', :'first'), 'TK001',
  null, 'and cannot finalize any more');
select throws_ok(format('select from tasker.extend_finalization_claim(%L)', :'first'), 'TK001',
  null, 'nor be extended');
select is((select released from tasker.release_finalization_claim(:'first')), false,
  'nor released');

select * from finish();
rollback;
