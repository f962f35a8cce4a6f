begin;
\ir ../fixtures.psql
select plan(23);

select is(left(pg_temp.refusal(format('select from tasker.next_ticks(''@daily'', %L)', zone)), 5),
  '22023', format('%s is not a time zone', coalesce(zone, 'nothing')))
  from unnest('{EST,CET,cest,+03,FOO+3,EST5EDT,Europe/Berlin+3,Etc/GMT+13,<a>-3,UTC0,localtime,
    Factory,
    Europe/Nowhere,Europe,""," UTC",../UTC}'::text[]) as zone;
select lives_ok(format('select from tasker.next_ticks(''@daily'', %L)', zone), zone)
  from unnest('{America/Port-au-Prince,Etc/GMT+12}'::text[]) as zone;
select throws_ok(format('select from tasker.next_ticks(%L, ''UTC'', %L, %L)', cron, after, wanted),
  '22023', null, format('%s after %s, %s', cron, after, wanted))
  from (values ('@daily', 'infinity', 1), ('@daily', null, 0), ('@daily', null, 100001),
               (null, null, 1)) as bad (cron, after, wanted);

select * from finish();
rollback;
