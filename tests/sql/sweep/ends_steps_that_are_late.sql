begin;
\ir ../fixtures.psql
select plan(12);
-- D2, N4: start_within until the first claim, finish_within over all attempts.
select pg_temp.a_template('late', '{"a": []}');
select from tasker.register_template('{"name": "timed", "namespace_name": "test",
  "version": "1.0.0",
  "steps": [{"name": "a", "handler": {"callable": "h"}, "start_within": "PT10M",
  "finish_within": "PT1H", "retry": {"backoff": "none", "max_attempts": 9}}]}');
select pg_temp.a_task('timed') as task \gset
select pg_temp.step(:'task', 'a') as a \gset
select format('select error ->> ''code'', error ->> ''message'' from tasker.step_attempts(%L) '
  'order by ended_at desc limit 1', :'a') as shown \gset
select pg_temp.later('10 minutes');
select from tasker.sweep();
select is(pg_temp.step_state(:'a'), 'error', 'nobody claimed it');
select is(pg_temp.task_state(:'task'), 'error', 'its task fails');
select results_eq('select error ->> ''code'', error ->> ''message'' from tasker.failed_steps',
  $$ values ('start_within', 'no worker started it within 10 min') $$, 'it says so');

select from tasker.retry_step(:'a', 'again');
select pg_temp.later('5 minutes');
select step_uuid, token from tasker.claim_steps('test', 'w', p_lease => '2 minutes') \gset
select from tasker.release_claim(:'token');
select pg_temp.later('16 minutes');
select from tasker.sweep();
select is(pg_temp.step_state(:'a'), 'enqueued', 'it was claimed in time, however late the sweep');
select step_uuid, token from tasker.claim_steps('test', 'w', p_lease => '2 hours') \gset
select pg_temp.later('20 minutes');
select from tasker.fail_step(:'a', :'token', '"no"');
select from tasker.sweep();
select step_uuid, token from tasker.claim_steps('test', 'w', p_lease => '2 hours') \gset
select pg_temp.later('18 minutes');
select from tasker.sweep();
select is(pg_temp.step_state(:'a'), 'in_progress', 'a retry keeps the clock');
select pg_temp.later('1 minute');
select from tasker.sweep();
select is(pg_temp.step_state(:'a'), 'error', 'which runs out');
select results_eq('select error ->> ''code'', error ->> ''message'' from tasker.failed_steps',
  $$ values ('finish_within', 'it did not end within 60 min: 21 min in the queue, 39 min at work, '
  '0 s between attempts') $$, 'it says how long each part took');
select is(pg_temp.reason(format('select from tasker.complete_step(%L, %L)', :'a', :'token')),
  'cancelled', 'its worker is stale');
select is_empty('select from tasker.alarms', 'nothing more is due');

select from tasker.register_template('{"name": "mild", "namespace_name": "test",
  "version": "1.0.0",
  "steps": [{"name": "a", "handler": {"callable": "h"}, "finish_within": "PT1M",
             "on_error": "skip"},
  {"name": "w", "wait": {"for": "P1D"}, "finish_within": "PT1M", "on_error": "continue"}]}');
select pg_temp.a_task('mild') as mild \gset
select pg_temp.later('1 minute');
select from tasker.sweep();
select is(pg_temp.ends(:'mild'), 'a skipped, w error', 'on_error applies; a wait is ended, too');
select is(pg_temp.task_state(:'mild'), 'error', 'the task ends');
select is_empty('select * from tasker.check_invariants()', 'all is well');
select * from finish();
rollback;
