begin;
\ir ../fixtures.psql
select plan(13);
select pg_temp.a_task() as task \gset
select results_eq(format('select * from tasker.wait_task(%L, %L)', :'task', time),
  format('values (%L::uuid, ''pending'', null::timestamptz)', :'task'), time)
  from unnest('{0,20 milliseconds}'::text[]) as time;
select pg_temp.run_all();
select results_eq(format('select * from tasker.wait_task(%L, %s)', :'task', time),
  format('select %L::uuid, ''complete'', tasker._now()', :'task'), time)
  from unnest(array['null', '''10 seconds''']) as time;
select results_eq(format('select state from tasker.wait_task(%L)', :'task'), array['complete'],
  'nothing is left to wait for');

select is(pg_temp.refusal(format('select from tasker.wait_task(%L, %L)', :'task', time)),
  '22023: got ' || time::interval, time)
  from unnest('{-1 microsecond,10.000001 seconds,1 day,1 month}'::text[]) as time;
select is(pg_temp.refusal('select from tasker.wait_task(null)'), '22023: p_task_uuid is null',
  'null');
select alike(pg_temp.refusal('select from tasker.wait_task(gen_random_uuid())'), 'TK002: task %',
  'an unknown task');
select pg_temp.a_task() as task \gset
select from tasker.cancel_task(:'task', 'not wanted');
select results_eq(format('select state from tasker.wait_task(%L)', :'task'), array['cancelled'],
  'a cancelled task has ended');
select is((select count(*) from tasker.check_invariants()), 0::bigint, 'all is well');

select * from finish();
rollback;
