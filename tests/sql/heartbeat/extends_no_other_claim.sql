begin;
\ir ../fixtures.psql
select plan(2);
select pg_temp.a_task() from generate_series(1, 2);
select pg_temp.a_claim(1, 'w1') as mine, pg_temp.a_claim(1, 'w2') as other \gset
select pg_temp.later('20 seconds');
select is((select lease_until from tasker.heartbeat(:'mine')), '2030-01-01 00:00:50Z'::timestamptz,
  'a beat is for one claim');
select is((select lease_until from tasker.claims where token = :'other'),
  '2030-01-01 00:00:30Z'::timestamptz, 'another keeps its time');

select * from finish();
rollback;
