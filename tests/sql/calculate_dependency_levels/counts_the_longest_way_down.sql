begin;
\ir ../fixtures.psql
select plan(4);

select pg_temp.a_template('mixed',
  '{"init": [], "left": ["init"], "right": ["init"], "validate": ["left", "right"], "transform": '
  '["left"],
  "analyze": ["right"], "finalize": ["validate", "transform", "analyze"], "alone": [], "late": '
  '["init", "finalize"]}');
select pg_temp.a_task('mixed') as task \gset
select set_eq(format('select name, dependency_level from tasker.calculate_dependency_levels(%L)',
  :'task'),
  $$ values ('init', 0), ('alone', 0), ('left', 1), ('right', 1), ('validate', 2), ('transform', 2),
    ('analyze', 2), ('finalize', 3), ('late', 4) $$,
  'one more than the deepest parent');
select results_eq(format('select step_uuid from tasker.calculate_dependency_levels(%L) where name '
  '= ''late''', :'task'),
  array[pg_temp.step(:'task', 'late')], 'by its uuid');
select throws_ok(format('select * from tasker.calculate_dependency_levels(%L)', gen_random_uuid()),
  'TK002');
select throws_ok('select * from tasker.calculate_dependency_levels(null)', '22023');

select * from finish();
rollback;
