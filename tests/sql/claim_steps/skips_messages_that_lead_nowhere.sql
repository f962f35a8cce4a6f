begin;
\ir ../fixtures.psql
select plan(3);
select pg_temp.a_template('t', '{"a": []}');
select pg_temp.a_task('t') from generate_series(1, 20);

-- The first 15 are cancelled; their pointers still lie in the queue.
select from (select task_uuid from tasker.tasks order by task_id limit 15) as task,
  lateral tasker.cancel_task(task_uuid, 'not wanted');
select is((select count(*) from pg_temp.queued('test_queue')), 20::bigint, 'twenty pointers');
select is((select count(*) from tasker.claim_steps('test', 'w1', 3)), 3::bigint,
  'one call finds its way through the dead ones');
select is((select count(*) from tasker.claim_steps('test', 'w1', 3)), 2::bigint,
  'and the next gets the rest');

select * from finish();
rollback;
