begin;
\ir ../fixtures.psql
select plan(9);
prepare unswept as select severity, code, subject, since, problem from tasker.problems
 where cure ~ 'sweep|finalize' and code <> 'queue_missing';

select pg_temp.a_template('two', '{"a": [], "b": []}',
  '{"max_attempts": 2, "backoff_base_ms": 1000, "jitter": false}');
select pg_temp.a_task('two') as task \gset
select pg_temp.a_claim(1, 'w1') as token \gset
select pg_temp.a_claim(1, 'w2') as other \gset
select from tasker.fail_step(pg_temp.step(:'task', 'a'), :'token', '"once"');
select pg_temp.later('61 seconds');
select is_empty($$ select from tasker.problems where code = 'stale_claim' $$,
  'a sweep may take a minute');
select pg_temp.later('14 minutes');
select results_eq('unswept', $$ values
  ('critical', 'stale_claim', 'worker w2', '2030-01-01 00:00:30Z'::timestamptz,
    'its lease of 1 step ended 14 min ago, and nobody took it back'),
  ('critical', 'timers_overdue', 'timers', '2030-01-01 00:00:01Z',
    '1 step due for up to 15 min and not enqueued') $$,
  'a retry, and a claim, the newest first');
select from tasker.sweep();
select is_empty('unswept', 'the cure cures both');

insert into tasker.submissions (token, worker, step_ids, failures, submitted_at)
 values (gen_random_uuid(), 'w', '{}', '[]', tasker._now());
select pg_temp.later('2 minutes');
select results_eq('unswept',
  $$ values ('critical', 'outcomes_unprocessed', 'submissions',
    tasker._now() - interval '2 minutes',
  '1 submission, up to 2 min old, not processed') $$, 'outcomes');
delete from tasker.submissions;

select pg_temp.run_all();
select pg_temp.a_task('two') as blocked \gset
select pg_temp.a_claim(1, 'w1') as token \gset
select from tasker.fail_step(pg_temp.step(:'blocked', 'a'), :'token', '"for good"', false);
select pg_temp.later('2 minutes');
select is_empty('unswept', 'a task that is blocked goes on while a step of it can');
select pg_temp.a_template('ext', '{"a": []}', p_more => '{"finalization": "external"}');
select pg_temp.run_all();
select pg_temp.a_task('ext') as ext \gset
select pg_temp.run_all();
select is_empty('unswept', 'all is done');
select pg_temp.later('11 minutes');
select results_eq('unswept',
  format($$ values ('warning', 'task_unfinalized', 'task %s', tasker._now() - interval '11 minutes',
  'nothing is left to run in it; for 11 min no processor has finalized it') $$, :'ext'),
  'its processor does not come');
select from tasker.finalize_task(:'ext');
select is_empty('unswept', 'the cure cures it');
select pg_temp.a_task('two') as task \gset
insert into tasker.unfinalized_tasks (task_id, since)
 values (tasker._task_id(:'task'), tasker._now() - interval '1 hour');
update tasker.steps set state = 'complete' where step_id >> 20 = tasker._task_id(:'task');
select results_eq('unswept',
  format($$ values ('critical', 'task_unfinalized', 'task %s', tasker._now() - interval '1 hour',
  'nothing is left to run in it, and nobody ended it') $$, :'task'),
  'a task that ought to have ended');

select * from finish();
rollback;
