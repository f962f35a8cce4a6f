begin;
\ir ../fixtures.psql
select plan(9);
select from tasker.register_template('{"name": "t", "namespace_name": "test", "version": "1.0.0", '
  '"steps": [
  {"name": "quick", "handler": {"callable": "h"}, "timeout_seconds": 20},
  {"name": "slow", "handler": {"callable": "h"}, "timeout_seconds": 60},
  {"name": "endless", "handler": {"callable": "h"}}]}');
select task_uuid as task from tasker.create_task('test', 't') \gset
select pg_temp.a_claim(3) as token \gset

select results_eq(format('select lease_until, lease_seconds from tasker.heartbeat(%L, ''1 hour'')',
  :'token'),
  $$ select tasker._now() + interval '25 seconds', 25::double precision $$,
  'five seconds after the first time-out');
select is(
  (select lease_until from tasker.checkpoint_step(pg_temp.step(:'task', 'slow'), :'token', '1',
                                                  p_lease => '1 hour')),
  tasker._now() + interval '25 seconds', 'nor does a checkpoint extend it further');
select pg_temp.later('10 seconds');
select is((select lease_seconds from tasker.heartbeat(:'token')), 15::double precision,
  'which does not move');
select is((select lease_seconds from tasker.heartbeat(:'token', '2 seconds')), 2::double precision,
  'a shorter lease is as short as it was asked for');
select from tasker.complete_step(pg_temp.step(:'task', 'quick'), :'token');
select is((select lease_seconds from tasker.heartbeat(:'token', '1 hour')), 55::double precision,
  'the time-out of a finished step counts no more');
select from tasker.cancel_task(:'task', 'not wanted');
select is((select lease_seconds from tasker.heartbeat(:'token', '1 hour')), 3600::double precision,
  'nor does that of one that was cancelled');

-- When it is over, no beat helps.
select task_uuid as task from tasker.create_task('test', 't') \gset
select pg_temp.a_claim(3) as token \gset
select pg_temp.later('26 seconds');
select results_eq(format('select lease_until, lease_seconds from tasker.heartbeat(%L, ''1 hour'')',
  :'token'),
  $$ select tasker._now() - interval '1 second', 0::double precision $$, 'the lease is over');
select from tasker.sweep();
select is((select count(*) from tasker.claims), 1::bigint, 'the sweep takes it back');
select is_empty('select from tasker.check_invariants() where severity = ''safety''', 'all is well');

select * from finish();
rollback;
