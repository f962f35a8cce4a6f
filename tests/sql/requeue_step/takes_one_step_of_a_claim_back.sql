begin;
\ir ../fixtures.psql
select plan(20);
select pg_temp.a_template('two', '{"a": [], "b": []}', '{"max_attempts": 1}');
select pg_temp.a_task('two', p_options => '{"priority": "high"}') as task \gset
select pg_temp.step(:'task', 'a') as a \gset
select pg_temp.step(:'task', 'b') as b \gset
select pg_temp.a_claim(2, 'hung') as token \gset
select pg_temp.later('10 seconds');

select results_eq(format('select * from tasker.requeue_step(%L, ''it hangs'')', :'a'),
  format('values (%L::uuid, ''enqueued'', ''in_progress'')', :'task'), 'it is enqueued');
select results_eq('select attempt::integer, claim_token, started_at, enqueued_at from tasker.steps '
  'where step_id = tasker._step_id(' || quote_literal(:'a') || ')',
  $$ values (0, null::uuid, null::timestamptz, tasker._now()) $$,
  'nobody holds it, and the attempt does not count');
select results_eq($$ select pg_temp.queued('test_queue_high') $$, array[tasker._step_id(:'a')],
  'its message is in its queue');
select is(pg_temp.step_state(:'b'), 'in_progress', 'the other step of the claim stays');
select results_eq('select verb, subject, reason from tasker.operator_history',
  format('values (''requeue_step'', %L, ''it hangs'')', :'a'), 'the operator said why');
select is((select reason from tasker.step_transitions where step_uuid = :'a'
  and from_state = 'in_progress'), 'it hangs', 'history, too');
select is((select last_error from tasker.get_task_steps(:'task') where step_uuid = :'a') ->>
  'message',
  'taken back from worker hung: it hangs', 'the attempt is shown');
select is_empty('select * from tasker.check_invariants()', 'all is well');
select results_eq(format('select step_state from tasker.requeue_step(%L, ''again'')', :'a'),
  array['enqueued'], 'a repeated call answers the same');
select results_eq('select count(*) from tasker.operator_history', array[1::bigint],
  'and does nothing');
select is((select count(*) from pg_temp.queued('test_queue_high')), 1::bigint,
  'nor sends anything');

select results_eq(format('select cancelled_step_uuids from tasker.heartbeat(%L)', :'token'),
  format('values (array[%L::uuid])', :'a'), 'the worker hears of it');
select pg_temp.later('5 seconds');
select is(pg_temp.refusal(format('select from tasker.complete_step(%L, %L)', :'a', :'token')) ~
  '^TK001', true, 'what it writes is refused');
select results_eq(format('select attempt, cause, late_by, step_state from '
  'tasker.report_late_writes(%L, array[%L]::uuid[], ''hung'')', :'token', :'a'),
  $$ values (1, 'taken over', interval '5 seconds', 'enqueued') $$, 'and is a late write');
select results_eq('select worker, cause from tasker.late_writes',
  $$ values ('hung', 'taken over') $$, 'which is seen');

select results_eq('select name, attempt from tasker.claim_steps(''test'', ''w2'')',
  $$ values ('a', 1) $$, 'another worker has the last attempt once more');
select from tasker.complete_step(:'b', :'token');
select is_empty('select from tasker.live_claims where worker = ''hung''',
  'the claim ends with its last step');
select pg_temp.later('31 seconds');
select results_eq(format('select name, queued, running, lost from tasker.task_timings(%L) where '
  'name = ''a''', :'task'),
  $$ values ('a', interval '5 seconds', interval '31 seconds', interval '10 seconds') $$,
  'the time it hung is lost');
select from tasker.sweep();
select is(pg_temp.step_state(:'a'), 'error', 'a lease that ends does count');
select is_empty('select * from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
