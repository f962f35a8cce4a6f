begin;
\ir ../fixtures.psql
select plan(7);

select pg_temp.a_template('two', '{"a": [], "b": []}');
select pg_temp.a_task('two') as first \gset
select pg_temp.a_task('two') as second \gset
select pg_temp.a_task() as third \gset
select pg_temp.a_claim(2) as token \gset
select from tasker.fail_step(pg_temp.step(:'first', 'a'), :'token', '"no"', false);

select results_eq(
  format('select * from tasker.get_task_execution_contexts(array[%L, %L, %L, %L]::uuid[])',
    :'third', :'first', :'second', :'first'),
  format('select context.* from unnest(array[%L, %L, %L, %L]::uuid[]) with ordinality as wanted '
    '(task, position)
           cross join lateral tasker.get_task_execution_context(wanted.task) as context order by '
           'wanted.position',
         :'third', :'first', :'second', :'first'), 'row by row, in the order asked for');
select is_empty('select * from tasker.get_task_execution_contexts(''{}'')', 'none asked for');
select throws_ok(format('select * from tasker.get_task_execution_contexts(array[%L, %L]::uuid[])',
  :'first', gen_random_uuid()), 'TK002');
select throws_ok('select * from tasker.get_task_execution_contexts(array[null]::uuid[])', '22023');
select throws_ok('select * from tasker.get_task_execution_contexts(null)', '22023');
select throws_ok(format('select * from tasker.get_task_execution_contexts(array_fill(%L::uuid, '
  'array[1001]))', :'first'), '22023', null, 'too many');
select is((select count(*)
  from tasker.get_task_execution_contexts(array_fill(:'first'::uuid, array[1000]))), 1000::bigint,
  '1000 are not');

select * from finish();
rollback;
