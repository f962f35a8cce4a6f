begin;
\ir ../fixtures.psql
select plan(3);

select pg_temp.a_template('outside', '{"only": []}', p_more => '{"finalization": "external"}');
select count(pg_temp.a_task('outside')) from generate_series(1, 3);
select pg_temp.run_all();
select is((select count(*)::integer from tasker.finalizable_tasks), 3,
  'three tasks wait for an external processor');

-- Two branches that failed at once, each not seeing the other: what only the sweep can end.
select pg_temp.later('1 second');
select pg_temp.a_template('forked', '{"left": [], "right": []}', '{"max_attempts": 1}');
select pg_temp.a_task('forked') as task \gset
select pg_temp.a_claim(2) as token \gset
select * from tasker.fail_step(pg_temp.step(:'task', 'left'), :'token', '"no"') \g /dev/null
update tasker.steps set state = 'error', finished_at = tasker._now()
 where step_id = tasker._step_id(pg_temp.step(:'task', 'right'));
select is(pg_temp.task_state(:'task'), 'blocked_by_failures',
  'a blocked task in which nothing runs');

select * from tasker.sweep(1) \g /dev/null
select is(pg_temp.task_state(:'task'), 'error', 'a sweep of one ends the one that can end');

select * from finish();
rollback;
