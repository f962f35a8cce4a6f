begin;
\ir ../fixtures.psql
select plan(8);
select tasker.register_template('{"name": "t", "namespace_name": "test", "version": "1.0.0", '
  '"steps": [
  {"name": "two", "handler": {"callable": "a"}, "timeout_seconds": 2},
  {"name": "ten", "handler": {"callable": "a"}, "timeout_seconds": 10},
  {"name": "any", "handler": {"callable": "a"}}]}');
select pg_temp.a_task('t');
create temp table step as select * from tasker.claim_steps('test', 'w1', 10, '1 hour');
select results_eq('select name, timeout_seconds, deadline - tasker._now() from step order by 2',
  $$ values ('two', 2::float8, interval '2 s'), ('ten', 10, '10 s'), ('any', null, null) $$,
  'the claim says until when each step may run');
select is((select max(lease_until) from step), tasker._now() + interval '7 seconds',
  'and lasts 5 seconds longer than the first of them');
select results_eq('select distinct lease_seconds from step', array[7::float8], 'in seconds, too');
select results_eq('select lease_until from tasker.claims', 'select distinct lease_until from step',
  'as it is');

-- The careful way, too.
select pg_temp.a_task('t') as task \gset
select from tasker.pause_template('test', 't', 'wait'),
  tasker.resume_template('test', 't', 'go on');
select pg_temp.a_template('u', '{"a": []}');
select from tasker.pause_template('test', 'u', 'wait');
select results_eq($$ select distinct lease_seconds
  from tasker.claim_steps('test', 'w1', 10, '1 hour') $$,
  array[7::float8], 'while something else is paused');
select is((select count(*) from tasker.claims), 2::bigint, 'two claims');

select from tasker.resume_template('test', 'u', 'go on');
select pg_temp.a_task('u');
select results_eq($$ select lease_seconds, timeout_seconds,
  deadline from tasker.claim_steps('test', 'w1', 1, '1 hour') $$,
  $$ values (3600::float8, null::float8, null::timestamptz) $$,
  'a step without a timeout bounds nothing');
select results_eq($$ select lease_seconds
  from tasker.finish_and_claim('test', 'w1', null, null, 1) $$,
  array[]::float8[], 'nothing is left');

select * from finish();
rollback;
