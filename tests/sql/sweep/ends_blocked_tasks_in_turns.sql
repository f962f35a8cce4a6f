begin;
\ir ../fixtures.psql
select plan(4);
create function pg_temp.swept () returns integer language sql as $$
select affected from tasker.sweep(1) where action = 'tasks_finalized'
$$;
select pg_temp.a_template('outside', '{"only": []}', p_more => '{"finalization": "external"}');
select count(pg_temp.a_task('outside')) from generate_series(1, 10);
select pg_temp.run_all();
-- As two failures leave them that do not see each other.
select pg_temp.a_template('fork', '{"left": [], "right": []}', '{"max_attempts": 1}');
create temp table task as select pg_temp.a_task('fork') as task from generate_series(1, 2);
select from tasker.claim_steps('test', 'w1', 4) as step,
  lateral tasker.fail_step(step_uuid, token, '"no"') where name = 'left';
update tasker.steps set state = 'error', finished_at = tasker._now() where state = 'in_progress';

select is(pg_temp.swept(), 0, 'a sweep of one looks at ten tasks');
select is(pg_temp.swept(), 1, 'the next one at those behind them, and ends one');
select is(pg_temp.swept(), 1, 'then the next');
select results_eq('select pg_temp.task_state(task) from task', $$ values ('error'), ('error') $$,
  'all have ended');

select * from finish();
rollback;
