begin;
\ir ../fixtures.psql
select plan(6);
select tasker.register_template('{"name": "t", "namespace_name": "test", "version": "1.0.0", '
  '"steps": [
  {"name": "a", "handler": {"callable": "a"}}, {"name": "b", "handler": {"callable": "b"}, '
  '"namespace": "away"},
  {"name": "c", "handler": {"callable": "c"}, "dependencies": ["a"]}]}');
select from (values ('high', 1), ('normal', 2), ('low', 3)) as wanted (priority, count)
 cross join lateral tasker.create_tasks('test', 't', array_fill('{}'::jsonb, array[count]),
   jsonb_build_object('priority', priority));

select is((select array_agg((select count(*) from pg_temp.queued('test_queue' || suffix))
  order by suffix) from unnest(array['', '_high', '_low']) as suffix),
  array[2, 1, 3]::bigint[], 'normal, high, low');
select is((select array_agg((select count(*) from pg_temp.queued('away_queue' || suffix))
  order by suffix) from unnest(array['', '_high', '_low']) as suffix),
  array[2, 1, 3]::bigint[], 'also in the namespace of a step''s own');

-- What follows keeps the priority.
select pg_temp.a_claim(10);
select from tasker.steps as step,
  lateral tasker.complete_step(tasker._step_uuid((select task_uuid from tasker.tasks
    where task_id = step_id >> 20), step_id), claim_token)
 where step.state = 'in_progress';
select is((select count(*) from pg_temp.queued('test_queue_low')), 3::bigint,
  'a child is as low as its parent');
select is((select count(*) from pg_temp.queued('test_queue_high')), 1::bigint, 'or as high');
select is((select count(*) from pg_temp.queued('test_queue')), 2::bigint, 'or as normal');
select pg_temp.run_all();
select pg_temp.run_all('away');
select is((select count(*) from tasker.tasks where state = 'complete'), 6::bigint,
  'and all come to an end');

select * from finish();
rollback;
