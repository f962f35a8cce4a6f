begin;
\ir ../fixtures.psql
select plan(9);
-- D7
select from tasker.register_template('{"name": "timed", "namespace_name": "test",
  "version": "1.0.0",
  "steps": [{"name": "a", "handler": {"callable": "h"}, "timeout_seconds": 600},
            {"name": "b", "handler": {"callable": "h"}, "finish_within": "PT3M"}]}');
create function pg_temp.claim (out name text, out timeout interval, out seconds double precision,
  out deadline interval, out lease interval, out token uuid) language sql as $$
select name, timeout, timeout_seconds, deadline - tasker._now(), lease_until - tasker._now(), token
  from tasker.claim_steps('test', 'w', p_lease => '1 hour')
$$;
select pg_temp.a_task('timed', p_options => '{"deadline": "PT5M"}') as task \gset
select pg_temp.later('1 minute');
select * from pg_temp.claim() \gset
select is(array[:'timeout', :'deadline', :'lease']::interval[],
  '{00:04:00,00:04:00,00:04:05}'::interval[], 'until the deadline of its task');
select is(:seconds::double precision, 240::double precision, 'as a number, too');
select is((select lease_until - tasker._now() from tasker.heartbeat(:'token', '1 hour')),
  '4 minutes 5 seconds'::interval, 'no lease outlives it');
select * from pg_temp.claim() \gset
select is(array[:'timeout', :'deadline', :'lease']::interval[],
  '{00:02:00,00:02:00,00:02:05}'::interval[], 'or until it must have ended');
select is((select lease_until - tasker._now() from tasker.heartbeat(:'token', '1 hour')),
  '2 minutes 5 seconds'::interval, 'no lease outlives that');
select from tasker.release_claim(:'token');
select pg_temp.later('10 minutes');
select * from pg_temp.claim() \gset
select is(:'timeout'::interval, '1 ms'::interval, 'what is late has no time at all');
select from tasker.sweep();
select is(pg_temp.task_state(:'task'), 'error', 'and is ended');
select pg_temp.a_task('timed') as task \gset
select * from pg_temp.claim() \gset
select is(array[:'timeout', :'deadline', :'lease']::interval[],
  '{00:10:00,00:10:00,00:10:05}'::interval[], 'without a deadline it has its own time');
select is_empty('select * from tasker.check_invariants()', 'all is well');
select * from finish();
rollback;
