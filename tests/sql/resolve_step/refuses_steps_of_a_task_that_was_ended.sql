-- Also where a branch below would begin again: the task was ended with all its steps.
begin;
\ir ../fixtures.psql
select plan(15);
select pg_temp.gated('order', '[
  {"name": "pay", "retry": {"max_attempts": 1}}, {"name": "pack"},
  {"name": "alert", "dependencies": ["pay", "pack"], "run_on": "failure"}]');

create function pg_temp.ended_by (p_verb text) returns uuid language plpgsql
as $$
declare
  v_task  constant uuid := pg_temp.a_task('order');
  v_token constant uuid := pg_temp.a_claim(2);
begin
  perform tasker.fail_step(pg_temp.step(v_task, 'pay'), v_token, '{}', false);
  execute format('select from tasker.%I(%L, ''not needed'')', p_verb, v_task);
  return v_task;
end;
$$;
select pg_temp.ended_by('cancel_task') as cancelled \gset
select pg_temp.ended_by('resolve_task') as resolved \gset

select throws_ok(format('select from tasker.' || verb, pg_temp.step(task, step)), 'TK003',
  'illegal transition', format('%s of %s', verb, step))
  from unnest(array[:'cancelled', :'resolved']::uuid[]) as task,
       unnest(array['pay', 'pack']) as step,
       unnest(array['resolve_step(%L, ''x'')', 'complete_step_manually(%L, ''1'', ''x'')',
                    'retry_step(%L, ''x'')']) as verb;
select is(pg_temp.ends(:'cancelled'), 'alert cancelled, pack cancelled, pay error',
  'nothing of it changed');
select is_empty('select * from tasker.check_invariants()', 'all is well');
select is(pg_temp.task_state(:'resolved'), 'resolved_manually', 'it stays so');

select * from finish();
rollback;
