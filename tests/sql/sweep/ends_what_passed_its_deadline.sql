begin;
\ir ../fixtures.psql
select plan(16);
-- D1, D3, D4, D6
select pg_temp.a_template('plain', '{"a": [], "b": [], "c": [], "d": ["a"]}',
  '{"backoff_base_ms": 86400000, "max_backoff_ms": 86400000, "jitter": false}',
  p_more => '{"deadline": "PT1H"}');
select pg_temp.a_task('plain') as plain \gset
select step_uuid as failed, token as t from tasker.claim_steps('test', 'w') \gset
select from tasker.fail_step(:'failed', :'t', '"no"');
select step_uuid as running, token from tasker.claim_steps('test', 'w', p_lease => '1 day') \gset
select from tasker.pause_task(:'plain', 'the clock runs on');
select pg_temp.later('1 hour');
select from tasker.sweep();
select is(pg_temp.ends(:'plain'), 'a error, b error, c error, d pending',
  'in backoff, running, queued; what waits for a failed step never runs');
select is(pg_temp.task_state(:'plain'), 'error', 'the task ends');
select is((select error ->> 'code' from tasker.step_attempts(:'running') order by 1 limit 1),
  'deadline', 'and says why');
select is(pg_temp.reason(format('select from tasker.complete_step(%L, %L)', :'running', :'token')),
  'cancelled', 'what comes later is stale');
select is((select cancelled_step_uuids from tasker.heartbeat(:'token', '1 minute',
  array[:'running'::uuid])), array[:'running'::uuid], 'its worker learns of it');
select is_empty('select from tasker.alarms', 'nothing more is due');

-- Cleanup has its turn, without a deadline.
select from tasker.register_template('{"name": "gated", "namespace_name": "test",
  "version": "1.0.0",
  "deadline": "PT1H", "steps": [
  {"name": "a", "handler": {"callable": "h"}},
  {"name": "b", "handler": {"callable": "h"}, "dependencies": ["a"]},
  {"name": "undo", "handler": {"callable": "h"}, "dependencies": ["b"], "run_on": "failure"},
  {"name": "end", "handler": {"callable": "h"}, "dependencies": ["undo"], "run_on": "end"}]}');
select pg_temp.a_task('gated') as gated \gset
select from tasker.claim_steps('test', 'w', p_lease => '2 hours');
select pg_temp.later('1 hour');
select from tasker.sweep();
select is(pg_temp.ends(:'gated'), 'a error, b upstream_failed, end pending, undo enqueued',
  'then gates decide');
select from tasker.claim_steps('test', 'w', p_lease => '1 day');
select pg_temp.later('5 hours');
select from tasker.sweep();
select is(pg_temp.ends(:'gated'), 'a error, b upstream_failed, end pending, undo in_progress',
  'cleanup may take its time');
select is(timeout is null and deadline is null, true, 'everything')
  from tasker._claim_rows((select token from tasker.claims limit 1), null,
    (select step_ids from tasker.claims limit 1), tasker._now());

select pg_temp.a_template('stopped', '{"a": [], "b": ["a"]}',
  p_more => '{"deadline": "PT1H", "on_deadline": "cancel"}');
select pg_temp.a_task('stopped') as stopped \gset
select pg_temp.later('59 minutes');
select from tasker.sweep();
select is(pg_temp.ends(:'stopped'), 'a enqueued, b pending', 'not before');
select pg_temp.later('1 minute');
select from tasker.sweep();
select is(pg_temp.ends(:'stopped'), 'a cancelled, b cancelled', 'then it is cancelled');
select is(pg_temp.task_state(:'stopped'), 'cancelled', 'the task, too');
select is((select reason from tasker.task_transitions where task_uuid = :'stopped'
             and to_state = 'cancelled'), 'deadline', 'for that reason');

select pg_temp.a_task('plain') as done \gset
select from pg_temp.run_all();
select is(pg_temp.task_state(:'done'), 'complete', 'a result that commits before wins');
select is_empty('select from tasker.alarms', 'and takes the alarm with it');
select is_empty('select * from tasker.check_invariants()', 'all is well');
select * from finish();
rollback;
