begin;
\ir ../fixtures.psql
select plan(7);
select pg_temp.a_template('external', '{"a": [], "b": []}',
  p_more => '{"finalization": "external"}');
select pg_temp.a_task('external') as task \gset
select pg_temp.run_all();
select finalization_attempt_uuid as attempt
 from tasker.claim_task_for_finalization(:'task', 'p1', 10) \gset
select pg_temp.later('9 seconds');
select results_eq(format('select * from tasker.extend_finalization_claim(%L, 60)', :'attempt'),
  format('values (%L::uuid, ''2030-01-01 00:01:09Z''::timestamptz, ''extended'')', :'task'),
  'from now on');
select pg_temp.later('59 seconds');
select is((select message from tasker.claim_task_for_finalization(:'task', 'p2')),
  'already_claimed', 'it holds');
select throws_ok(format('select from tasker.extend_finalization_claim(%L, %L)', :'attempt', bad),
  '22023', 'limit out of range', coalesce(bad, 'null'))
  from unnest(array['-1', '0', '86401']) as bad;
select throws_ok('select from tasker.extend_finalization_claim(null)', 'TK001', null, 'no attempt');
select throws_ok('select from tasker.extend_finalization_claim(gen_random_uuid())', 'TK001', null,
  'unknown attempt');

select * from finish();
rollback;
