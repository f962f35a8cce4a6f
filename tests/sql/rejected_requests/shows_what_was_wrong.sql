begin;
\ir ../fixtures.psql
select plan(2);

select pgmq.send('orchestration_task_requests', '{"namespace": "nowhere", "name": "x"}');
select is_empty('select * from tasker.rejected_requests', 'nobody has looked at it');
select from tasker.process_task_requests();
select results_eq('select rejected_at, queue_name, msg_id, message, code, error from '
  'tasker.rejected_requests',
  $$ values ('2030-01-01Z'::timestamptz, 'orchestration_task_requests', 1::bigint,
    '{"namespace": "nowhere", "name": "x"}'::jsonb, 'TK002', 'namespace not found') $$,
  'and why it was refused');

select * from finish();
rollback;
