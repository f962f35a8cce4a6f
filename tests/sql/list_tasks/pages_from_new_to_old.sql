begin;
\ir ../fixtures.psql
select plan(11);

select pg_temp.a_template('single', '{"only": []}');
create temp table made as
select row_number() over () as n,
  task_uuid from tasker.create_tasks('test', 'single', array_fill('{}'::jsonb, array[25]));
create temp table page (n serial, task_uuid uuid, next_before uuid);
create function pg_temp.all_pages (p_filter jsonb) returns bigint language plpgsql as $$
declare
  v_before uuid;
begin
  truncate page restart identity;
  for i in 1 .. 30 loop
    insert into page (task_uuid, next_before) select task_uuid,
    next_before from tasker.list_tasks(p_filter, 10, v_before);
    select next_before into v_before from page order by n desc limit 1;
    exit when v_before is null;
  end loop;
  return (select count(*) from page);
end
$$;

select is(pg_temp.all_pages('{}'), 25::bigint, 'three pages hold all');
select results_eq('select task_uuid from page order by n',
  'select task_uuid from made order by task_uuid desc', 'newest first, none twice');
select is(pg_temp.all_pages('{"state": "pending"}'), 25::bigint, 'the same through the open tasks');
select set_eq('select task_uuid from page', 'select task_uuid from made', 'none is missing');
select results_eq('select distinct next_before from tasker.list_tasks(p_limit => 25)',
  array[null::uuid], 'the last page says so');
select results_eq('select distinct next_before from tasker.list_tasks(p_limit => 24)',
  'select task_uuid from made order by task_uuid offset 1 limit 1',
  'any other says where the next begins');

-- However rare tasks in error are, which may have several such steps: they are listed.
select pg_temp.a_template('double', '{"a": [], "b": []}', '{"retryable": false}');
create temp table failed as select row_number() over () as n, task_uuid
  from tasker.create_tasks('test', 'double', array_fill('{}'::jsonb, array[25]));
select from tasker.claim_steps('test', 'runner', 1000) as step
  join failed on failed.task_uuid = step.task_uuid
 cross join lateral tasker.fail_step(step.step_uuid, step.token, '{"message": "no"}');

-- However rare those that fit, a call ends.
insert into tasker.tasks (task_id, task_uuid, created_at, template_id, priority,
  finalize_externally, state, open_sinks, finished_at, context)
select id, tasker._new_task_uuid(id, '2031-01-01Z'), '2031-01-01Z', 1, 0, false, 'complete', 0,
  '2031-01-01Z', '{}' from generate_series(1001, 51000) as id;
select results_eq('select task_uuid, state, next_before is not null from '
  'tasker.list_tasks(''{"tag": "none"}'')',
  'values (null::uuid, null, true)', 'with nothing but where to go on');

select is(pg_temp.all_pages('{"state": "error"}'), 25::bigint, 'behind all these');
select results_eq('select task_uuid from page order by n',
  'select task_uuid from failed order by n desc', 'newest first, none twice');
select from tasker.resolve_task((select task_uuid from failed where n = 1), 'no more');
select is(pg_temp.all_pages('{"state": "error"}'), 24::bigint, 'until they are resolved');
select is(pg_temp.all_pages('{"state": "error", "name": "single"}'), 0::bigint,
  'of the template that is asked for');

select * from finish();
rollback;
