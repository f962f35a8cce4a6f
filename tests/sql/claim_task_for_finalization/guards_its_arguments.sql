begin;
\ir ../fixtures.psql
select plan(10);
select pg_temp.a_template('external', '{"a": [], "b": []}',
  p_more => '{"finalization": "external"}');
select pg_temp.a_task('external') as task \gset
select throws_ok(format('select from tasker.claim_task_for_finalization(%L, %L)', :'task', bad),
  '22023', null, coalesce(left(bad, 9), 'no processor'))
  from unnest(array[null, '', repeat('x', 201)]) as bad;
select throws_ok(format('select from tasker.claim_task_for_finalization(%L, ''p1'', %L)', :'task',
  bad), '22023', 'limit out of range',
  coalesce(bad, 'no timeout'))
  from unnest(array['9223372036854775807', '0', '-1', '86401', '2147483647']) as bad;
select is((select message from tasker.claim_task_for_finalization(null, 'p1')), 'not_found',
  'no task');
select is_empty('select from tasker.finalization_attempts where outcome is distinct from '
  '''refused''', 'nothing is claimed');

select * from finish();
rollback;
