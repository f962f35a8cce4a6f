-- run_on, if and on_error, by the numbers of docs/semantics.md. F2: decided when steps enter.
begin;
\ir ../fixtures.psql
select plan(25);
select pg_temp.gated('order', '[
  {"name": "check"},
  {"name": "review", "dependencies": ["check"], "if": "$.results.check.risk > 7"},
  {"name": "auto_ok", "dependencies": ["check"], "if": "$.results.check.risk <= 7"},
  {"name": "pay", "dependencies": ["review", "auto_ok"]},
  {"name": "alert", "dependencies": ["pay"], "run_on": "failure"},
  {"name": "unlock", "dependencies": ["pay"], "run_on": "end"}]');

select pg_temp.a_task('order') as task \gset
select is(pg_temp.step_state(pg_temp.step(:'task', 'check')), 'enqueued', 'F2: it enters');
select is(pg_temp.task_state(:'task'), 'in_progress', 'which begins its task');
select pg_temp.play('{"results": {"check": {"risk": 9}}}');
select is(pg_temp.ends(:'task'), 'alert skipped, auto_ok skipped, check complete, pay complete, '
  'review complete, unlock complete', 'C2: one branch ran, and cleanup');
select is(pg_temp.task_state(:'task'), 'complete', 'the task is complete');
select results_eq(format('select decision, cause, saw from tasker.decisions where step_id = '
  'tasker._step_id(%L)', pg_temp.step(:'task', 'auto_ok')),
  $$ values ('skip', 'condition_false',
    '{"parents": {"check": "done"}, "values": {"$.results.check.risk": 9}}'::jsonb) $$,
  'F8: the decision says why');

select pg_temp.a_task('order') as task \gset
select pg_temp.play('{"results": {"check": {"risk": 1}}, "fail": ["pay"]}');
select is(pg_temp.ends(:'task'), 'alert complete, auto_ok complete, check complete, pay error, '
  'review skipped, unlock complete', 'after a failure both clean up');
select is(pg_temp.task_state(:'task'), 'error',
  'C5: a task with a step in error is never complete');

select pg_temp.a_task('order') as task \gset
select pg_temp.play('{"fail": ["check"]}');
select is(pg_temp.ends(:'task'), 'alert complete, auto_ok upstream_failed, check error, '
  'pay upstream_failed, review upstream_failed, unlock complete', 'C3: failure is transitive');

select pg_temp.a_task('order') as task \gset
select pg_temp.play('{"results": {"check": {"rsk": 1}}}');
select is(pg_temp.ends(:'task'), 'alert complete, auto_ok error, check complete, '
  'pay upstream_failed, review error, unlock complete', 'C1: a typo is an error, no quiet false');
select is((select last_error from tasker.get_task_steps(:'task') where name = 'review'),
  '{"type": "ConditionError", "code": "condition", "message": "the condition '
  '$.results.check.risk > 7 is neither true nor false: $.results.check.risk is missing, '
  '$.results.check is an object with the keys rsk"}', 'which says what was there');

-- What run_on does with a skipped and with a failed parent.
select pg_temp.gated('joins', '[
  {"name": "a"}, {"name": "b"},
  {"name": "any", "dependencies": ["a", "b"]},
  {"name": "all", "dependencies": ["a", "b"], "run_on": "full_success"},
  {"name": "failure", "dependencies": ["a", "b"], "run_on": "failure"},
  {"name": "end", "dependencies": ["a", "b"], "run_on": "end"}]');
select pg_temp.a_task('joins') as task \gset
select pg_temp.play('{"skip": ["b"]}');
select is(pg_temp.ends(:'task'), 'a complete, all skipped, any complete, b skipped, end complete, '
  'failure skipped', 'one parent skipped');
select pg_temp.a_task('joins') as task \gset
select pg_temp.play('{"skip": ["a", "b"]}');
select is(pg_temp.ends(:'task'), 'a skipped, all skipped, any skipped, b skipped, end complete, '
  'failure skipped', 'all parents skipped');
select is(pg_temp.task_state(:'task'), 'complete', 'skipped is intended');
select pg_temp.a_task('joins') as task \gset
select pg_temp.play('{"fail": ["b"]}');
select is(pg_temp.ends(:'task'), 'a complete, all upstream_failed, any upstream_failed, b error, '
  'end complete, failure complete', 'one parent failed');

-- on_error.
select pg_temp.gated('lenient', '[
  {"name": "a", "on_error": "continue"}, {"name": "b", "on_error": "skip"},
  {"name": "after_a", "dependencies": ["a"]}, {"name": "after_b", "dependencies": ["b"]},
  {"name": "instead", "dependencies": ["b"], "run_on": "end", "if": "$.states.b == \"skipped\""}]');
select pg_temp.a_task('lenient') as task \gset
select pg_temp.play('{"fail": ["a", "b"]}');
select is(pg_temp.ends(:'task'), 'a error, after_a complete, after_b skipped, b skipped, '
  'instead complete', 'C4: continue counts as done, skip as skipped');
select is(pg_temp.task_state(:'task'), 'error', 'the task ends in error');
select is((select count(*) from tasker.dead_steps
  where step_id >> 20 = tasker._task_id(:'task')), 1::bigint,
  'what was skipped after its last attempt is not a dead letter');

-- A task in which nothing is to run.
select pg_temp.gated('nothing', '[{"name": "a", "if": "$.context.total > 100"},
  {"name": "b", "dependencies": ["a"]}]');
select pg_temp.a_task('nothing', '{"total": 80}') as task \gset
select is(pg_temp.ends(:'task'), 'a skipped, b skipped', 'skipped when it is made');
select is(pg_temp.task_state(:'task'), 'complete', 'and complete');
select pg_temp.a_task('nothing', '{"total": "80"}') as task \gset
select is(pg_temp.ends(:'task') || ', ' || pg_temp.task_state(:'task'),
  'a error, b upstream_failed, error', 'or in error');

-- At its time.
select pg_temp.a_task('nothing', '{"total": 200}', '{"run_at": "2030-01-02T00:00Z"}') as task \gset
select is(pg_temp.ends(:'task') || ', ' || pg_temp.task_state(:'task'),
  'a pending, b pending, pending', 'nothing is decided before run_at');
select pg_temp.later('2 days');
select from tasker.sweep();
select is(pg_temp.ends(:'task') || ', ' || pg_temp.task_state(:'task'),
  'a enqueued, b pending, in_progress', 'but then');
select pg_temp.play();

-- A plain template.
select pg_temp.a_template('plain', '{"a": [], "b": ["a"], "c": ["b"]}');
select pg_temp.a_task('plain') as task \gset
select pg_temp.play('{"skip": ["a"]}');
select is(pg_temp.ends(:'task') || ', ' || pg_temp.task_state(:'task'),
  'a skipped, b skipped, c skipped, complete', 'C10: a handler may skip in any template');
select pg_temp.a_task('plain') as task \gset
select from tasker.fail_step(pg_temp.step(:'task', 'a'), pg_temp.a_claim(), '"no"', false);
select is(pg_temp.ends(:'task') || ', ' || pg_temp.task_state(:'task'),
  'a error, b pending, c pending, error', 'C9: in a plain template nothing is decided');
select is_empty('select * from tasker.check_invariants()', 'every invariant holds');

select * from finish();
rollback;
