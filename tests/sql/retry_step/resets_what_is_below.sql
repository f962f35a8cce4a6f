-- C11: everything below a failed step that has ended is pending again, and runs again.
begin;
\ir ../fixtures.psql
select plan(20);
select pg_temp.gated('order', '[
  {"name": "check"}, {"name": "pay", "dependencies": ["check"]},
  {"name": "ship", "dependencies": ["pay"]},
  {"name": "alert", "dependencies": ["pay"], "run_on": "failure"},
  {"name": "unlock", "dependencies": ["ship"], "run_on": "end"}]');
select pg_temp.a_task('order') as task \gset
select pg_temp.play('{"fail": ["pay"]}');
select is(pg_temp.ends(:'task'), 'alert complete, check complete, pay error, '
  'ship upstream_failed, unlock complete', 'pay failed');
select from tasker.retry_step(pg_temp.step(:'task', 'pay'), 'the card is good now');
select is(pg_temp.ends(:'task'), 'alert pending, check complete, pay enqueued, ship pending, '
  'unlock pending', 'what is below is pending again, cleanup included');
select is(pg_temp.task_state(:'task'), 'in_progress', 'the task goes on');
select results_eq(format('select waiting_parents, attempt, result is null from tasker.steps '
  'where step_id = tasker._step_id(%L)', pg_temp.step(:'task', 'unlock')),
  $$ values (1, 0::smallint, true) $$, 'as if it had never run');
select is_empty('select * from tasker.check_invariants()', 'every counter is right');
select pg_temp.play();
select is(pg_temp.ends(:'task'), 'alert skipped, check complete, pay complete, ship complete, '
  'unlock complete', 'decided again');
select is(pg_temp.task_state(:'task'), 'complete', 'the task is complete');
select is((select count(*) from tasker.step_transitions
            where step_uuid = pg_temp.step(:'task', 'unlock') and to_state = 'complete'), 2::bigint,
  'history has both');

-- While its failure is being handled.
select pg_temp.a_task('order') as task \gset
select from tasker.complete_step(pg_temp.step(:'task', 'check'), pg_temp.a_claim());
select from tasker.fail_step(pg_temp.step(:'task', 'pay'), pg_temp.a_claim(), '"no"');
select pg_temp.a_claim(10) as token \gset
select alike(pg_temp.refusal(format('select from tasker.retry_step(%L, ''again'')',
  pg_temp.step(:'task', 'pay'))), 'TK003: alert is in_progress, unlock is in_progress',
  'cleanup runs');
select from tasker.complete_step(pg_temp.step(:'task', 'alert'), :'token');
select from tasker.complete_step(pg_temp.step(:'task', 'unlock'), :'token');
select lives_ok(format('select from tasker.retry_step(%L, ''again'')',
  pg_temp.step(:'task', 'pay')), 'then it may be retried');
select pg_temp.play();
select is(pg_temp.task_state(:'task'), 'complete', 'and the task ends well');

-- C12, C13: an operator settles a failed step, and one that was skipped for it.
select pg_temp.a_task('order') as task \gset
select pg_temp.play('{"fail": ["pay"]}');
select from tasker.complete_step_manually(pg_temp.step(:'task', 'pay'), '{"by": "hand"}', 'paid');
select is(pg_temp.ends(:'task'), 'alert skipped, check complete, pay complete, ship enqueued, '
  'unlock pending', 'it counts as done');
select pg_temp.play();
select is(pg_temp.task_state(:'task'), 'complete', 'and the rest runs');
select pg_temp.a_task('order') as task \gset
select pg_temp.play('{"fail": ["pay"]}');
select alike(pg_temp.refusal(format('select from tasker.resolve_step(%L, ''x'')',
  pg_temp.step(:'task', 'ship'))), 'TK003: the step is upstream_failed, and unlock went on%',
  'what something has come of is kept');

-- A condition that was neither true nor false is decided about again.
select pg_temp.gated('risky', '[{"name": "a"},
  {"name": "b", "dependencies": ["a"], "if": "$.results.a.risk > 7"},
  {"name": "c", "dependencies": ["b"]}]');
select pg_temp.a_task('risky') as task \gset
select pg_temp.play();
select is(pg_temp.ends(:'task'), 'a complete, b error, c upstream_failed', 'it reads nothing');
select from tasker.retry_step(pg_temp.step(:'task', 'b'), 'again');
select is(pg_temp.ends(:'task') || ', ' || pg_temp.task_state(:'task'),
  'a complete, b error, c upstream_failed, error', 'and again');
select from tasker.resolve_step(pg_temp.step(:'task', 'b'), 'never mind');
select pg_temp.play();
select is(pg_temp.ends(:'task') || ', ' || pg_temp.task_state(:'task'),
  'a complete, b resolved_manually, c complete, complete', 'an operator resolves it');
select throws_ok(format('select from tasker.retry_step(%L, ''x'')', pg_temp.step(:'task', 'c')),
  'TK003', null, 'what is complete is not retried');
select is_empty('select * from tasker.check_invariants()', 'every invariant holds');
select set_eq('select distinct verb from tasker.operator_history',
  $$ values ('retry_step'), ('complete_step_manually'), ('resolve_step') $$, 'all is written down');

select * from finish();
rollback;
