begin;
\ir ../fixtures.psql
select plan(7);
select pg_temp.a_template('pair', '{"a": [], "b": []}', '{"backoff": "none"}');
select pg_temp.a_task('pair') as task,
  pg_temp.a_task('pair', p_options => '{"run_at": "2030-01-01T01:00Z"}') as scheduled \gset
select from tasker.pause_task(:'task', 'wait');
select from tasker.pause_task(:'scheduled', 'wait');
select is(pg_temp.a_claim(9), null, 'nothing of it is handed out');
select is(pg_temp.task_state(:'task'), 'pending', 'it has not begun');

select pg_temp.later('2 hours');
select from tasker.sweep();
select is(pg_temp.a_claim(9), null, 'nor when its time has come');
select is(pg_temp.task_state(:'scheduled'), 'pending', 'that has not begun, either');
select pg_temp.later('1 second');
select from tasker.resume_task(:'task', 'go on');
select from tasker.resume_task(:'scheduled', 'go on');
select is(pg_temp.run_all(), 4, 'to resume lets both run');
select is((select count(*) from tasker.tasks where state = 'complete'), 2::bigint, 'to their end');
select is_empty('select * from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
