begin;
\ir ../fixtures.psql
select plan(7);
select pg_temp.a_task();
select pg_temp.a_claim() as token \gset

select is(pg_temp.refusal(format('select * from tasker.heartbeat(%L, %L)', :'token', wrong.lease)),
  '22023: got ' || coalesce(wrong.lease::text, 'null'), coalesce(wrong.lease::text, 'null'))
  from (values (interval '0'), ('-1 second'), ('1 month'), ('1 day 1 second')) as wrong (lease);
select is((select lease_until from tasker.claims), tasker._now() + interval '30 seconds',
  'the lease is as it was');
select is((select lease_seconds from tasker.heartbeat(:'token', null)), 30::double precision,
  'null means 30 seconds');
select lives_ok(format('select * from tasker.heartbeat(%L, ''1 day'')', :'token'), 'a day is fine');

select * from finish();
rollback;
