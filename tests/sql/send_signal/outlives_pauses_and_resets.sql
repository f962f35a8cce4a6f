-- W3, W4, W11, N3, N4: what is paused takes signals; a reset stores those again that were taken.
begin;
\ir ../fixtures.psql
select plan(12);
select pg_temp.gated('t', '[{"name": "a"}, {"name": "w", "dependencies": ["a"],
  "wait": {"signal": "ok", "timeout": "P1D"}}, {"name": "b", "dependencies": ["w"]},
  {"name": "c", "dependencies": ["a"], "run_on": "failure"}]');
select pg_temp.a_task('t') as task \gset
select pg_temp.a_task('t') as late \gset
select pg_temp.play();
select from tasker.pause_task(:'task', 'why');
select from tasker.pause_task(:'late', 'why');
select is((select state from tasker.send_signal(:'task', 'ok', '1')), 'delivered', 'taken');
select is(pg_temp.ends(:'task'), 'a complete, b enqueued, c skipped, w complete', 'decided');
select is_empty('select from tasker.claim_steps(''test'', ''w'')', 'and nothing is handed out');
select pg_temp.later('1 day');
select from tasker.sweep();
select is(pg_temp.ends(:'late'), 'a complete, b upstream_failed, c skipped, w error',
  'its clock runs on');
select from tasker.resume_task(:'task', 'why');
select from tasker.resume_task(:'late', 'why');
select is_empty('select * from tasker.check_invariants()', 'all is well');

-- A failed step before the wait is tried again.
select pg_temp.a_task('t') as task \gset
select pg_temp.play('{"skip": ["c"]}');
select from tasker.send_signal(:'task', 'ok', '7');
select from tasker.cancel_task(:'task', 'why', '{"cleanup": true}');
select is((select state from tasker.list_signals(:'task')), 'taken', 'taken');
select pg_temp.gated('u', '[{"name": "a", "on_error": "continue"}, {"name": "w",
  "dependencies": ["a"], "wait": {"signal": "ok"}}, {"name": "b", "dependencies": ["w"]}]');
select pg_temp.a_task('u') as task \gset
select pg_temp.play('{"fail": ["a"]}');
select from tasker.send_signal(:'task', 'ok', '7');
select pg_temp.play();
select is(pg_temp.ends(:'task'), 'a error, b complete, w complete', 'it went on');
select from tasker.retry_step(pg_temp.step(:'task', 'a'), 'why');
select is(pg_temp.ends(:'task'), 'a enqueued, b pending, w pending', 'reset');
select is((select state from tasker.list_signals(:'task')), 'stored', 'stored again');
select pg_temp.play();
select is(pg_temp.ends(:'task'), 'a complete, b complete, w complete', 'and taken again');
select is((select result -> 'value' from tasker.task_results(:'task') where name = 'w'), '7',
  'with its value');
select is_empty('select * from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
