begin;
\ir ../fixtures.psql
select plan(12);
prepare queues as select severity, code, subject, since, problem, cure from tasker.problems
 where code ~ 'queue|worker|messages';

select pg_temp.a_task() as task \gset
select is_empty('queues', 'a minute of waiting is not a problem');
select pg_temp.later('14 minutes');
select results_eq('queues',
  $$ values ('critical', 'no_worker', 'namespace test', '2030-01-01 00:00Z'::timestamptz,
  'steps have waited for up to 14 min (1 message in its queues), and no live worker serves '
  'namespace test (no runner was seen within a day)',
  'tasker-sql run --namespace test --handlers MODULE') $$, 'nobody serves the namespace');
select tasker.report_runner('r1', pg_temp.a_report());
select results_eq('queues',
  $$ values ('warning', 'queue_behind', 'queue test_queue', '2030-01-01 00:00Z'::timestamptz,
  'its oldest step has waited for 14 min, though 1 worker serves namespace test: more machines, or '
  'more --slots',
  'tasker-sql run --namespace test --handlers MODULE') $$, 'now somebody does, but gets nowhere');
select pg_temp.later('10 minutes');
select results_eq('select severity, problem from tasker.problems where code = ''no_worker''',
  $$ values ('critical',
  'steps have waited for up to 24 min (1 message in its queues), and no live worker serves '
  'namespace test (last seen 10 min ago)') $$, 'it went away');
select from tasker.pause_namespace('test', 'maintenance');
select is_empty('queues', 'what is paused may wait');
select from tasker.resume_namespace('test', 'done');
select from tasker.pause_template('test', 'single', 'a bad version');
select is_empty('queues', 'a template as well');
select from tasker.resume_template('test', 'single', 'done');
select isnt_empty('queues', 'it goes on');
select pg_temp.a_task() as other \gset
select from tasker.cancel_task(:'task', 'no more');
select from tasker.cancel_task(:'other', 'no more');
select is_empty('queues', 'what is cancelled waits for nobody, though its pointers lie there');
select pg_temp.a_task() as task \gset
select pg_temp.a_claim(1, 'foreign') as token \gset
select is_empty('queues', 'an empty queue needs nobody');

select pgmq.drop_queue('test_queue_high');
select results_eq('select severity, code, subject, cure from tasker.problems where code ~ '
  '''queue''',
  $$ values ('critical', 'queue_missing', 'queue test_queue_high', 'select * from tasker.sweep()')
    $$, 'a queue is gone');
select from tasker.sweep();
select is_empty('queues', 'the cure cures it');
select from pgmq.send('orchestration_task_requests', '{}');
select pg_temp.later('100 years');
select results_eq('select severity, subject, cure from tasker.problems where code = '
  '''messages_unprocessed''',
  $$ values ('critical', 'queue orchestration_task_requests',
    'select * from tasker.process_task_requests()') $$, 'nobody reads requests');

select * from finish();
rollback;
