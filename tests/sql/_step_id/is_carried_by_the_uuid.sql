begin;
\ir ../fixtures.psql
select plan(11);
-- The least, some, and the largest task ids and step numbers that there may be.
create temp table sample as
select task_id, step_no, task_uuid
  from (select task_id, tasker._new_task_uuid(task_id, '2030-01-01Z') as task_uuid
          from unnest(array[1, 2, 1048575, 1048576, 123456789012, 4398046511103])
          as task_id offset 0) as task,
       unnest(array[1, 2, 255, 65536, 1048575]) as step_no;

select is_empty('select from sample where tasker._step_id(task_uuid) <> task_id << 20',
  'a task''s uuid carries its id, with step 0');
select is_empty('select from sample where tasker._step_id(tasker._step_uuid(task_uuid, step_no)) '
  '<> (task_id << 20) + step_no', 'a step''s carries both');
select is_empty('select from sample where tasker._step_uuid(task_uuid, (task_id << 20) + step_no) '
  '<> tasker._step_uuid(task_uuid, step_no)', 'the id will do for the number');
select is_empty('select from sample where tasker._task_uuid(tasker._step_uuid(task_uuid, step_no)) '
  '<> task_uuid', 'and leads back to its task');
select is_empty('select from sample where tasker._task_uuid(task_uuid) <> task_uuid',
  'a task''s own uuid stays');
select is((select count(distinct tasker._step_uuid(task_uuid, step_no)) from sample), 30::bigint,
  'all are different');
select is_empty($$ select from sample
  where tasker._step_uuid(task_uuid, step_no)::text !~
  '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$' $$,
  'a step''s uuid is of version 7, too');
select is((select array_agg(step_no order by tasker._step_uuid(task_uuid, step_no)) from sample
  where task_id = 1), '{1,2,255,65536,1048575}', 'and sorts by number');

select is(tasker._step_id(null), null, 'null carries nothing');
select is(tasker._step_uuid(null, 1), null, 'no task, no step');
select is(tasker._task_uuid(null), null, 'no step, no task');

select * from finish();
rollback;
