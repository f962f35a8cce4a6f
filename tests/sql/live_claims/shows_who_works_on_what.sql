begin;
\ir ../fixtures.psql
select plan(4);

select pg_temp.a_template('two', '{"a": [], "b": []}');
select pg_temp.a_task('two') as task \gset
select is_empty('select * from tasker.live_claims', 'nobody works');
select pg_temp.a_claim(2, 'w1', '10 seconds');
select results_eq('select worker, namespace, claimed_at, lease_until, is_expired, step_count, '
  'step_uuids from tasker.live_claims',
  format($$ values ('w1', 'test', '2030-01-01Z'::timestamptz, '2030-01-01 00:00:10Z'::timestamptz,
    false, 2, array[%L, %L]::uuid[]) $$,
         pg_temp.step(:'task', 'a'), pg_temp.step(:'task', 'b')), 'one claim of two steps');
select pg_temp.later('11 seconds');
select results_eq('select is_expired from tasker.live_claims', array[true], 'its lease has ended');
select hasnt_column('tasker', 'live_claims', 'token',
  'the token stays between the engine and the worker');

select * from finish();
rollback;
