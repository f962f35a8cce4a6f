-- A filter chooses rows; it never changes an answer.
begin;
\ir ../fixtures.psql
select plan(8);

select pg_temp.a_template('diamond', '{"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}');
select pg_temp.a_task('diamond') as task \gset
select pg_temp.a_task('diamond') as other \gset
select pg_temp.a_claim() as token \gset
select from tasker.complete_step(pg_temp.step(:'task', 'a'), :'token');

select results_eq(
  format('select * from tasker.get_step_readiness_status(%L, array[%L, %L]::uuid[])', :'task',
    pg_temp.step(:'task', 'd'), pg_temp.step(:'task', 'b')),
  format('select * from tasker.get_step_readiness_status(%L) where name in (''b'', ''d'')',
    :'task'), 'the same rows as without it');
select is_empty(format('select * from tasker.get_step_readiness_status(%L, ''{}'')', :'task'),
  'no steps asked for');
select results_eq(format('select step_uuid from tasker.get_step_readiness_status(%L)', :'task'),
  format('select pg_temp.step(%L, name) from unnest(array[''a'', ''b'', ''c'', ''d'']) as name',
    :'task'), 'all of them');

select throws_ok(format('select * from tasker.get_step_readiness_status(%L, array[%L]::uuid[])',
  :'task', pg_temp.step(:'other', 'a')),
  'TK002', null, 'a step of another task');
select throws_ok(format('select * from tasker.get_step_readiness_status(%L, array[%L]::uuid[])',
  :'task', :'task'), 'TK002', null, 'no step at all');
select throws_ok(format('select * from tasker.get_step_readiness_status(%L, array[null]::uuid[])',
  :'task'), 'TK002', null, 'null');
select throws_ok(format('select * from tasker.get_step_readiness_status(%L)', gen_random_uuid()),
  'TK002', null, 'an unknown task');
select throws_ok('select * from tasker.get_step_readiness_status(null)', '22023', null, 'no task');

select * from finish();
rollback;
