begin;
\ir ../fixtures.psql
select plan(11);
select pg_temp.a_template('t', '{"a": []}');
select from unnest(array['{"namespace": "test", "name": "t"}',
  '{"namespace": "test", "name": "t", "context": {"n": 1}, "options": {"priority": "high", '
  '"initiator": "ann"}}',
                         '{"namespace": "test", "name": "t", "context": {"n": 2}, "options": '
                        '{"idempotency_key": "k"}}',
                         '{"namespace": "test", "name": "t", "context": {"n": 2}, "options": '
                        '{"idempotency_key": "k"}}']) as request,
     lateral pgmq.send('orchestration_task_requests', request::jsonb);

create temp table first as select * from tasker.process_task_requests(2);
select results_eq('select msg_id, created, error from first',
  $$ values (1::bigint, true, null::text), (2, true, null) $$,
  'as many as asked for, oldest first');
select results_eq('select task_uuid, context, priority::integer, initiator from first join '
  'tasker.tasks using (task_uuid) order by msg_id',
  $$ select task_uuid, context, priority,
    initiator from first join (values (1::bigint, '{}'::jsonb, 0, null), (2, '{"n": 1}', 1, 'ann'))
       as wanted (msg_id, context, priority, initiator) using (msg_id) order by msg_id $$,
       'they are the tasks that were asked for');
create temp table second as select * from tasker.process_task_requests();
select results_eq('select created, error from second order by msg_id',
  $$ values (true, null::text), (false, null) $$, 'a key that comes twice changes nothing');
select is((select count(distinct task_uuid) from second), 1::bigint, 'and the same task');
select is_empty('select * from tasker.process_task_requests()', 'then there is nothing to do');
select is((select count(*) from tasker.tasks), 3::bigint, 'three tasks');
select is_empty('select from tasker.rejected_messages', 'none was refused');
select is(pg_temp.run_all(), 3, 'they run');

select results_eq('select pg_temp.refusal(format(''select * from '
  'tasker.process_task_requests(%L)'', wrong)) from unnest(array[-1, 0, 1001]) as wrong',
  array['22023: got -1, need 1 to 1000', '22023: got 0, need 1 to 1000',
    '22023: got 1001, need 1 to 1000'], 'the limit is guarded');
-- Hidden by somebody's read, a request still moves; a queue that was dropped is empty.
select from pgmq.send('orchestration_task_requests', '{"namespace": "test", "name": "t"}');
select from pgmq.read('orchestration_task_requests', 3600, 1);
select is((select count(*) from tasker.process_task_requests()), 1::bigint, 'a hidden message');
select from pgmq.drop_queue('orchestration_task_requests');
select is_empty('select * from tasker.process_task_requests()', 'a dropped queue');

select * from finish();
rollback;
