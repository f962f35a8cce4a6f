-- Task ids have 42 bits; the last ones make step ids of 19 digits.
begin;
\ir ../fixtures.psql
select plan(5);
select pg_temp.a_template('chain', '{"a": [], "b": ["a"]}');
select setval('tasker.task_ids', 4398046511102);
select pg_temp.a_task('chain') as task \gset
select is((select task_id from tasker.tasks), 4398046511103, 'the last one');
select is(pg_temp.run_all(), 2, 'its steps are claimed and completed');
select is(pg_temp.task_state(:'task'), 'complete', 'to its end');
select throws_ok('select pg_temp.a_task(''chain'')', '2200H', null, 'there is none after it');
select is_empty('select * from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
