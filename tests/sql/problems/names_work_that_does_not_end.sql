begin;
\ir ../fixtures.psql
select plan(10);
prepare work as select severity, code, subject, since, problem, cure from tasker.problems
                 where code in ('dead_letters', 'step_runs_long', 'task_stuck', 'requests_refused');

select pg_temp.a_template('two', '{"a": [], "b": ["a"]}', '{"max_attempts": 1}');
select pg_temp.a_task('two') as task \gset
select pg_temp.a_claim(1, 'w1') as token \gset
select from tasker.fail_step(pg_temp.step(:'task', 'a'), :'token', '{"message": "no card 7"}');
select pg_temp.later('3 minutes');
select results_eq('work',
  format($$ values ('warning', 'dead_letters', 'template test/two',
    '2030-01-01 00:00Z'::timestamptz,
  '1 failed for good, 1 in the last 5 min, last a 3 min ago: no card 7',
  'tasker-sql dlq retry --namespace test --template two --step a --fingerprint %s --reason '
  '''<why>''') $$, tasker._fingerprint('{"message": "no card 8"}')), 'a dead letter');
select from tasker.retry_step(pg_temp.step(:'task', 'a'), 'again');
select is_empty('work', 'it is dealt with');

select pg_temp.a_claim(1, 'w1', '1 hour') as token \gset
select pg_temp.later('10 minutes');
select is_empty('work', 'ten minutes are not long');
select pg_temp.later('1 second');
select results_eq('work',
  format($$ values ('warning', 'step_runs_long', 'step %1$s/a',
    tasker._now() - interval '601 seconds',
  'attempt 1 of 1 has run at w1 for 10 min; it has no timeout. Take it back, and look at its '
  'worker',
  'select * from tasker.requeue_step(''%2$s'', ''<why>'')') $$, :'task',
  pg_temp.step(:'task', 'a')), 'somebody hangs');
update tasker.template_steps set timeout_seconds = 3600 where name = 'a';
select is_empty('work', 'it was said to take an hour');
select from tasker.heartbeat(:'token', '2 hours');
select pg_temp.later('3059 seconds');
select is_empty('work', 'and has a minute more');
select from tasker.complete_step(pg_temp.step(:'task', 'a'), :'token');
select is_empty('work', 'it is done');

update tasker.steps set state = 'pending',
  waiting_parents = 1 where step_id = tasker._step_id(pg_temp.step(:'task', 'b'));
select pg_temp.later('2 minutes');
select results_eq('work',
  format($$ values ('critical', 'task_stuck', 'task %1$s', tasker._now() - interval '2 minutes',
  'nothing in it can move: an invariant is broken; see which, then cancel or resolve the task, and '
  'create it again', 'select * from tasker.check_invariants(''%1$s'')') $$, :'task'),
  'its counter is wrong');
select from tasker.cancel_task(:'task', 'broken');
select is_empty('work', 'cancelled');

select from pgmq.send('orchestration_task_requests', '{"no": "request"}');
select from tasker.process_task_requests();
select results_eq('select severity, code, subject from tasker.problems where code = '
  '''requests_refused''',
  $$ values ('warning', 'requests_refused', 'queue orchestration_task_requests') $$,
  'a request was refused');

select * from finish();
rollback;
