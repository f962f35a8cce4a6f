-- Also where a branch below would begin again: the task was ended with all its steps.
begin;
\ir ../fixtures.psql
select plan(15);
select pg_temp.gated('order', '[
  {"name": "pay", "retry": {"max_attempts": 1}}, {"name": "pack"},
  {"name": "alert", "dependencies": ["pay", "pack"], "run_on": "failure"}]');

create function pg_temp.refused (p_verb text, p_task uuid, p_step text) returns text language sql
as $$
select throws_ok(format('select from tasker.' || p_verb, pg_temp.step(p_task, p_step)), 'TK003',
  'illegal transition', format('%s of %s', p_verb, p_step))
$$;
create temp table verbs as
select verb from unnest(array['resolve_step(%L, ''x'')', 'complete_step_manually(%L, ''1'', ''x'')',
                              'retry_step(%L, ''x'')']) as verb;

select pg_temp.a_task('order') as cancelled \gset
select pg_temp.a_claim(2) as token \gset
select from tasker.fail_step(pg_temp.step(:'cancelled', 'pay'), :'token', '{}', false);
select from tasker.cancel_task(:'cancelled', 'not needed');
select pg_temp.refused(verb, :'cancelled', step)
  from verbs, unnest(array['pay', 'pack']) as step;
select is(pg_temp.ends(:'cancelled'), 'alert cancelled, pack cancelled, pay error',
  'nothing of it changed');

select pg_temp.a_task('order') as resolved \gset
select pg_temp.a_claim(2) as token \gset
select from tasker.fail_step(pg_temp.step(:'resolved', 'pay'), :'token', '{}', false);
select from tasker.resolve_task(:'resolved', 'done by hand');
select pg_temp.refused(verb, :'resolved', step)
  from verbs, unnest(array['pay', 'pack']) as step;
select is_empty('select * from tasker.check_invariants()', 'all is well');
select is(pg_temp.task_state(:'resolved'), 'resolved_manually', 'it stays so');

select * from finish();
rollback;
