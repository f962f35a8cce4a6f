begin;
\ir ../fixtures.psql
select plan(9);
create function pg_temp.listed ()
 returns table (queue_name text, name text, waited interval, code text, blocks boolean)
language sql
 as $$ select queue_name, name, waited, code, blocks from tasker.list_queued_steps('test') $$;

select pg_temp.a_template('pair', '{"a": [], "b": ["a"]}');
select pg_temp.a_task('pair') as normal \gset
select pg_temp.later('7 seconds');
select pg_temp.a_task('pair', p_options => '{"priority": "high"}') as high \gset
select results_eq('select * from pg_temp.listed()',
  $$ values ('test_queue', 'a', interval '7 s', 'no_worker', false),
            ('test_queue_high', 'a', interval '0 s', 'no_worker', false) $$,
            'of all three queues, the longest waiting first');
select results_eq('select step_uuid, task_uuid, namespace, task_name, handler, priority, state, '
  'attempt, max_attempts, enqueued_at, reason, cure from tasker.list_queued_steps(''test'', 1)',
  format($$ values (%L::uuid, %L::uuid, 'test', 'pair', 'a', 'normal', 'enqueued', 1, 3,
    '2030-01-01Z'::timestamptz,
                    'queued for 7 s; no live worker serves namespace test (no runner was seen '
                    'within a day)', 'tasker-sql run --namespace test --handlers MODULE') $$,
         pg_temp.step(:'normal', 'a'), :'normal'),
         'as many as asked for, with what explain_step says');
select from tasker.pause_task(:'normal', 'wait');
select results_eq('select code, blocks from pg_temp.listed()',
  $$ values ('task_paused', true), ('no_worker', false) $$, 'what blocks comes first');
select from tasker.cancel_task(:'high', 'not this one');
select results_eq('select state, attempt, code from tasker.list_queued_steps(''test'')',
  $$ values ('enqueued', 1, 'task_paused'), ('cancelled', 0, null) $$,
  'a message that the next claim drops');
select pgmq.send('test_queue_low', '{"step_id": "no number"}'),
  pgmq.send('test_queue_low', '{"step_id": "7"}');
select is((select count(*) from pg_temp.listed()), 2::bigint, 'forged messages point to nothing');

select pgmq.drop_queue('test_queue');
select results_eq('select state from tasker.list_queued_steps(''test'')', array['cancelled'],
  'nothing of a queue that was dropped');
select throws_ok('select * from tasker.list_queued_steps(''nowhere'')', 'TK002',
  'namespace not found');
select throws_ok('select * from tasker.list_queued_steps(null)', '22023', 'a namespace is needed');
select throws_ok('select * from tasker.list_queued_steps(''test'', 0)', '22023',
  'limit out of range');

select * from finish();
rollback;
