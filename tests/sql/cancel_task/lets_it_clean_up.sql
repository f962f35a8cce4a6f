-- C6: with cleanup, open steps end in error, and what runs on failure has its turn.
begin;
\ir ../fixtures.psql
select plan(17);
select pg_temp.gated('order', '[
  {"name": "lock"}, {"name": "pay", "dependencies": ["lock"]},
  {"name": "ship", "dependencies": ["pay"]},
  {"name": "alert", "dependencies": ["pay"], "run_on": "failure"},
  {"name": "unlock", "dependencies": ["ship"], "run_on": "end"}]');
select pg_temp.a_task('order') as task \gset
select from tasker.complete_step(pg_temp.step(:'task', 'lock'), pg_temp.a_claim());
select pg_temp.a_claim() as token \gset
select results_eq(format('select task_state, cancelled_steps '
  'from tasker.cancel_task(%L, ''no need'', ''{"cleanup": true}'')', :'task'),
  $$ values ('blocked_by_failures', 1) $$, 'pay is ended');
select is(pg_temp.ends(:'task'), 'alert enqueued, lock complete, pay error, ship upstream_failed, '
  'unlock enqueued', 'cleanup has its turn');
select is(pg_temp.reason(format('select from tasker.complete_step(%L, %L)',
  pg_temp.step(:'task', 'pay'), :'token')), 'cancelled', 'its worker is fenced off');
select is((select last_error ->> 'message' from tasker.get_task_steps(:'task') where name = 'pay'),
  'its task was cancelled: no need', 'the error says why');
select is_empty('select * from tasker.check_invariants()', 'every invariant holds');
select pg_temp.play();
select is(pg_temp.ends(:'task') || ', ' || pg_temp.task_state(:'task'), 'alert complete, '
  'lock complete, pay error, ship upstream_failed, unlock complete, error', 'it ends in error');

select pg_temp.a_task('order') as task \gset
select from tasker.cancel_task(:'task', 'no need', '{"cleanup": true}');
select is(pg_temp.ends(:'task'), 'alert enqueued, lock error, pay upstream_failed, '
  'ship upstream_failed, unlock enqueued', 'before anything ran');
select results_eq(format('select task_state, cancelled_steps '
  'from tasker.cancel_task(%L, ''at once'', ''{"cleanup": true}'')', :'task'),
  $$ values ('cancelled', 2) $$, 'a second cancel');
select is(pg_temp.ends(:'task'), 'alert cancelled, lock error, pay upstream_failed, '
  'ship upstream_failed, unlock cancelled', 'stops that as well');
select is_empty('select * from tasker.check_invariants()', 'every invariant holds');

select pg_temp.a_task('order') as task \gset
select from tasker.cancel_task(:'task', 'no need');
select is(pg_temp.ends(:'task'), 'alert cancelled, lock cancelled, pay cancelled, ship cancelled, '
  'unlock cancelled', 'without it, cleanup is cancelled, too');

-- A failure of a step that would not matter does when the step is cancelled; that of a handler is
-- no cancellation, whatever it is called.
select pg_temp.gated('lenient', '[
  {"name": "pay", "on_error": "continue"}, {"name": "ship", "dependencies": ["pay"]},
  {"name": "alert", "dependencies": ["pay"], "run_on": "failure"}, {"name": "other"}]');
select pg_temp.a_task('lenient') as task \gset
select from tasker.fail_step(pg_temp.step(:'task', 'other'), pg_temp.a_claim(10),
  '{"type": "Cancelled", "code": "cancelled"}');
select from tasker.cancel_task(:'task', 'no need', '{"cleanup": true}');
select is(pg_temp.ends(:'task'), 'alert enqueued, other error, pay error, ship upstream_failed',
  'nothing goes on as if it had not been cancelled');
select is_empty('select * from tasker.check_invariants()', 'every invariant holds');

select pg_temp.a_task() as task \gset
select results_eq(format('select task_state, cancelled_steps from tasker.cancel_task(%L, ''x'','
  ' ''{"cleanup": true}'')', :'task'), $$ values ('cancelled', 1) $$, 'a plain template has none');
select is(pg_temp.refusal(format('select from tasker.cancel_task(%L, ''x'', ''{"cleenup": true}'')',
  :'task')), '22023: ''cleenup''; known are cleanup', 'an unknown option');
select is(pg_temp.refusal(format('select from tasker.cancel_task(%L, ''x'', ''{"cleanup": 1}'')',
  :'task')), '22023: got 1', 'no boolean');
select lives_ok(format('select from tasker.cancel_task(%L, ''x'', null)', :'task'),
  'null is the default');

select * from finish();
rollback;
