begin;
\ir ../fixtures.psql
select plan(8);
select pg_temp.a_template('diamond',
  '{"start": [], "left": ["start"], "right": ["start"], "end": ["left", "right"]}');

create temp table made as
select position, task_uuid, created
  from tasker.create_tasks('test', 'diamond',
    (select array_agg(jsonb_build_object('n', n)) from generate_series(1, 1000) as n)) with
    ordinality as made (task_uuid, created, position);

select is((select count(*) from made where created), 1000::bigint, 'a task for each context');
select is((select count(*) from made join tasker.tasks using (task_uuid)
  where context ->> 'n' = position::text), 1000::bigint, 'in the order of the contexts');
select is((select count(*) from tasker.steps), 4000::bigint, 'with all their steps');
select is((select count(*) from tasker.open_tasks), 1000::bigint, 'all are open');
select results_eq($$ select pg_temp.queued('test_queue') $$,
  $$ select tasker._step_id(task_uuid) + 1 from made order by position $$,
  'enqueued in the same order');
select is((select count(distinct transition_id) from tasker._changes), 1::bigint,
  'one row of history for all');
select is((select count(*) from tasker._changes), 2000::bigint,
  'which knows each task and each first step');

select is((select count(distinct task_uuid)
  from tasker.create_tasks('test', 'diamond', array['{"a": 1}', '{"a": 1}']::jsonb[])), 2::bigint,
  'equal contexts are two tasks');

select * from finish();
rollback;
