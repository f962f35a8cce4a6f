begin;
\ir ../fixtures.psql
select plan(6);

select pg_temp.a_template('mixed',
  '{"a": [], "b": ["a"], "c": ["b"], "d": ["c", "a"], "e": ["d", "b"], "other": ["a"], "child": '
  '["e"]}');
select pg_temp.a_task('mixed') as task \gset
select pg_temp.a_claim() as token \gset
select from tasker.complete_step(pg_temp.step(:'task', 'a'), :'token', '{"x": 1}');

select results_eq(format('select name, distance, current_state, result from '
  'tasker.get_step_transitive_dependencies(%L)', pg_temp.step(:'task', 'e')),
  $$ values ('b', 1, 'enqueued', null::jsonb), ('d', 1, 'pending', null),
    ('a', 2, 'complete', '{"x": 1}'), ('c', 2, 'pending', null) $$,
  'with its shortest distance, nearest first');
select results_eq(format('select step_uuid from tasker.get_step_transitive_dependencies(%L)',
  pg_temp.step(:'task', 'b')),
  array[pg_temp.step(:'task', 'a')], 'by its uuid');
select is_empty(format('select * from tasker.get_step_transitive_dependencies(%L)',
  pg_temp.step(:'task', 'a')), 'a first step has none');
select throws_ok(format('select * from tasker.get_step_transitive_dependencies(%L)',
  gen_random_uuid()), 'TK002');
select throws_ok(format('select * from tasker.get_step_transitive_dependencies(%L)', :'task'),
  'TK002', null, 'a task is not a step');
select throws_ok('select * from tasker.get_step_transitive_dependencies(null)', '22023');

select * from finish();
rollback;
