begin;
\ir ../fixtures.psql
select plan(8);
select pg_temp.a_template('t', '{"a": []}');
select from tasker.create_namespace('other');

select is(pg_temp.refusal($$ select * from tasker.create_task('none', 't') $$),
  'TK002: namespace ''none''', 'no such namespace');
select is(pg_temp.refusal($$ select * from tasker.create_task(null, 't') $$),
  '22023: p_namespace is null', 'null namespace');
select is(pg_temp.refusal($$ select * from tasker.create_task('test', 'none') $$),
  'TK002: test/none', 'no such name');
select is(pg_temp.refusal($$ select * from tasker.create_task('test', null) $$), 'TK002: test/null',
  'null name');
select is(pg_temp.refusal($$ select * from tasker.create_task('other', 't') $$), 'TK002: other/t',
  'it is in another namespace');
select is(pg_temp.refusal($$ select *
  from tasker.create_task('test', 't', '{}', '{"version": "2.0.0"}') $$), 'TK002: test/t@2.0.0',
  'no such version');
select lives_ok($$ select * from tasker.create_task('test', 't', '{}', '{"version": "1.0.0"}') $$,
  'that one is there');
select is((select count(*) from tasker.tasks), 1::bigint, 'only one task was made');

select * from finish();
rollback;
