-- W7, W8, N6: several signals for one wait, what refuses them, and what a time-out means.
begin;
\ir ../fixtures.psql
select plan(25);
create function pg_temp.sent (p_task uuid, p_value jsonb, p_name text default 'ok')
returns text language sql as $$ select state from tasker.send_signal(p_task, p_name, p_value) $$;
select pg_temp.gated('two', '[{"name": "w", "wait": {"signal": "ok", "count": 2, "timeout": "P1D",
  "schema": {"type": "object", "required": ["ok"]}, "fail_if": "$.value[*].ok == false"}},
  {"name": "z", "dependencies": ["w"]}, {"name": "c", "dependencies": ["z"],
  "run_on": "failure"}]');
select pg_temp.a_task('two') as task \gset
select is(pg_temp.refusal(format('select pg_temp.sent(%L, ''7'')', :'task')),
  '22023: value is 7, need object', 'a schema');
select is(pg_temp.sent(:'task', '{"ok": true}'), 'delivered', 'the first');
select is(pg_temp.ends(:'task'), 'c pending, w waiting, z pending', 'is not enough');
select results_eq('select wanted, received from tasker.open_waits()', 'values (2, 1)', 'one of 2');
select is(pg_temp.sent(:'task', '{"ok": true, "by": 2}'), 'delivered', 'the second');
select is((select result -> 'value' from tasker.task_results(:'task') where name = 'w'),
  '[{"ok": true}, {"ok": true, "by": 2}]', 'both');

select pg_temp.a_task('two') as task \gset
select pg_temp.sent(:'task', '{"ok": true}'), pg_temp.sent(:'task', '{"ok": false}');
select is(pg_temp.ends(:'task'), 'c enqueued, w error, z upstream_failed', 'refused');
select is((select error - 'message' from tasker.task_results(:'task') where name = 'w'),
  '{"type": "WaitRefused", "code": "refused", "value": [{"ok": true}, {"ok": false}]}', 'said');
select pg_temp.play();
select is(pg_temp.task_state(:'task'), 'error', 'so the task fails');
select is_empty('select * from tasker.check_invariants()', 'all is well');
select is((select step_state from tasker.retry_step(pg_temp.step(:'task', 'w'), 'ask again')),
  'waiting', 'a retry opens it again');
select pg_temp.sent(:'task', '{"ok": true}'), pg_temp.sent(:'task', '{"ok": true}');
select is(pg_temp.ends(:'task'), 'c pending, w complete, z enqueued', 'and takes new signals');
select is_empty('select * from tasker.check_invariants()', 'all is well');

select pg_temp.a_task('two') as task \gset
select pg_temp.sent(:'task', '{"ok": true}');
select pg_temp.later('1 day');
select from tasker.sweep();
select is((select error ->> 'code' from tasker.task_results(:'task') where name = 'w'), 'timeout',
  'one is not enough');
select alike(pg_temp.refusal(format('select pg_temp.sent(%L, ''{"ok": true}'')', :'task')),
  'TK003: every step that waits for it has ended; w is error since %', 'what is late is refused');

-- What on_timeout and on_error make of it, in a plain template, too.
select pg_temp.gated('skip', '[{"name": "w", "wait": {"signal": "ok", "timeout": "PT1H",
  "on_timeout": "skip"}}, {"name": "z", "dependencies": ["w"]}]');
select pg_temp.gated('go', '[{"name": "w", "wait": {"signal": "ok", "timeout": "PT1H",
  "on_timeout": "continue", "default": {"ok": false}}}, {"name": "z", "dependencies": ["w"]}]');
select pg_temp.gated('fail', '[{"name": "w", "wait": {"signal": "ok", "timeout": "PT1H"}},
  {"name": "z", "dependencies": ["w"]}]');
select pg_temp.gated('on', '[{"name": "w", "on_error": "continue", "wait": {"signal": "ok",
  "timeout": "PT1H"}}, {"name": "z", "dependencies": ["w"]}]');
create temp table t as select name, pg_temp.a_task(name) as task
  from unnest('{skip,go,fail,on}'::text[]) as name;
select pg_temp.later('1 hour');
select from tasker.sweep();
select set_eq('select name, pg_temp.ends(task), pg_temp.task_state(task) from t', $$ values
  ('skip', 'w skipped, z skipped', 'complete'), ('go', 'w complete, z enqueued', 'in_progress'),
  ('fail', 'w error, z pending', 'error'), ('on', 'w error, z enqueued', 'blocked_by_failures') $$,
  'each its way');
select is((select result from tasker.task_results((select task from t where name = 'go'))
            where name = 'w'),
  '{"outcome": "timeout", "value": {"ok": false}, "signals": []}', 'the default');
select is_empty('select * from tasker.check_invariants()', 'all is well');

-- Two waits for one name: each takes its own, the oldest first; a third has no place.
select pg_temp.gated('both', '[{"name": "a"}, {"name": "v", "wait": {"signal": "ok"}},
  {"name": "w", "dependencies": ["a"], "wait": {"signal": "ok"}}]');
select pg_temp.a_task('both') as task \gset
select is(pg_temp.sent(:'task', '1'), 'delivered', 'to the one that waits');
select is(pg_temp.sent(:'task', '2'), 'stored', 'for the other');
select alike(pg_temp.refusal(format('select pg_temp.sent(%L, ''3'')', :'task')), 'TK003: as many%',
  'and no more');
select is((select count(*) from tasker.problems where code = 'signals_left'), 0::bigint,
  'somebody may take it');
select pg_temp.play();
select results_eq(format('select name, result -> ''value'' from tasker.task_results(%L)
  where name <> ''a'' order by 1', :'task'), $$ values ('v', '1'::jsonb), ('w', '2') $$, 'each');
select is_empty('select * from tasker.check_invariants()', 'all is well');

-- What nobody took is left.
select pg_temp.a_task('both') as task \gset
select pg_temp.sent(:'task', '1'), pg_temp.sent(:'task', '2');
select from tasker.cancel_task(:'task', 'why');
select results_eq(format('select state from tasker.list_signals(%L)', :'task'),
  array['taken', 'left'], 'left');

select * from finish();
rollback;
