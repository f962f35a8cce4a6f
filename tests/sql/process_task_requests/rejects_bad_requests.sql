begin;
\ir ../fixtures.psql
select plan(7);
select pg_temp.a_template('t', '{"a": []}',
  p_more => '{"input_schema": {"type": "object", "required": ["n"]}}');
create temp table sent as
select position, message::jsonb, code from (values
    (1, null, '22023'), (2, '5', '22023'), (3, '[]', '22023'), (4, '{}', '22023'),
    (5, '{"namespace": "test"}', '22023'),
    (6, '{"namespace": "test", "name": "t", "surprise": 1}', '22023'),
    (7, '{"namespace": "test", "name": "none"}', 'TK002'),
    (8, '{"namespace": null, "name": "t"}', '22023'),
    (9, '{"namespace": "test", "name": null}', 'TK002'),
    (10, '{"namespace": "test", "name": "t", "context": {}}', '22023'),
    (11, '{"namespace": "test", "name": "t", "context": null}', '22023'),
    (12, '{"namespace": "test", "name": "t", "context": {"n": 1}, "options": null}', '22023'),
    (13, '{"namespace": "test", "name": "t", "context": {"n": 1}, "options": {"x": 1}}', '22023'),
    (14, '{"namespace": "test", "name": "t", "context": {"n": 2}, "options": {"idempotency_key": '
      '"k"}}', 'TK008')
  ) as wrong (position, message, code);
select from tasker.create_task('test', 't', '{"n": 1}', '{"idempotency_key": "k"}');
select pgmq.send('orchestration_task_requests', message) from sent order by position;
select pgmq.send('orchestration_task_requests',
  '{"namespace": "test", "name": "t", "context": {"n": 3}}');

create temp table answer as select * from tasker.process_task_requests();
select results_eq('select position, rejected.code from sent left join tasker.rejected_messages as '
  'rejected on msg_id = position order by 1',
  'select position, code from sent order by 1', 'they are kept with the reason');
select results_eq('select message, queue_name, rejected_at from tasker.rejected_messages order by '
  'msg_id',
  $$ select message, 'orchestration_task_requests', tasker._now() from sent order by position $$,
  'as they were');
select results_eq('select msg_id from answer where error is not null and task_uuid is null and not '
  'created order by 1', 'select position::bigint from sent order by 1', 'the answer says so');
select results_eq('select msg_id from answer where error is null and created', array[15::bigint],
  'they stop nothing');
select is((select count(*) from tasker.tasks), 2::bigint, 'and make nothing');
select is((select array_agg(error order by msg_id) from answer),
  (select array_agg(error order by msg_id) || null::text from tasker.rejected_messages),
  'with the same words');
select is_empty('select from pgmq.q_orchestration_task_requests', 'the queue is empty');

select * from finish();
rollback;
