begin;
\ir ../fixtures.psql
select plan(5);
-- A reader of the whole history finds the same.
create function pg_temp.differs (p_task uuid) returns setof record language sql as $$
(select * from tasker._changes where id >> 20 = tasker._step_id(p_task) >> 20 except all select *
  from tasker._history(tasker._step_id(p_task) >> 20))
union all
(select * from tasker._history(tasker._step_id(p_task) >> 20) except all select *
  from tasker._changes where id >> 20 = tasker._step_id(p_task) >> 20)
$$;
create function pg_temp.same (p_task uuid, p_why text) returns text language sql as $$
select is((select count(*) from pg_temp.differs(p_task)
  as d (a bigint, b timestamptz, c text, d text, e text, f text, g bigint, h tasker.transition,
    i bigint)), 0::bigint, p_why)
$$;
select pg_temp.a_template('pair', '{"a": [], "b": ["a"]}',
  '{"max_attempts": 2, "backoff_base_ms": 1000, "jitter": false}');
select pg_temp.a_task('pair') as task \gset
select pg_temp.a_task('pair') as other \gset
select pg_temp.later('1 second');
select pg_temp.a_claim(2) as token \gset
select pg_temp.later('1 second');
select from tasker.release_claim(:'token');
select pg_temp.later('1 second');
select pg_temp.a_claim(2) as token \gset
select pg_temp.later('1 second');
select from tasker.release_claim(:'token');
select pg_temp.same(:'task', 'given back twice');

select pgmq.purge_queue('test_queue');
select pg_temp.later('1 minute');
select from tasker.sweep();
select pg_temp.same(:'task', 'restored');

select pg_temp.later('1 second');
select pg_temp.a_claim(2) as token \gset
select pg_temp.later('1 second');
select from tasker.fail_step(pg_temp.step(:'task', 'a'), :'token', '"no"', false);
select pg_temp.same(:'task', 'failed');
select pg_temp.later('1 second');
select from tasker.retry_step(pg_temp.step(:'task', 'a'), 'again');
select pg_temp.later('1 second');
select pg_temp.run_all();
select pg_temp.same(:'task', 'retried, to the end');
select is((select count(*) from tasker.step_transitions where task_uuid = :'task'), 13::bigint,
  'everything');

select * from finish();
rollback;
