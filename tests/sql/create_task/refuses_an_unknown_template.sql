begin;
\ir ../fixtures.psql
select plan(12);
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

create function pg_temp.hint (p_call text) returns text language plpgsql as $$
declare v_hint text;
begin
  execute p_call;
  return null;
exception when others then
  get stacked diagnostics v_hint = pg_exception_hint;
  return v_hint;
end $$;
select pg_temp.a_template('process_order', '{"a": []}');
select matches(pg_temp.hint($$ select from tasker.create_task('test', 'proces_order') $$),
  '^Did you mean process_order\? ', 'a name that is spelled alike');
select matches(pg_temp.hint($$ select from tasker.create_task('test', 'proces', '{}') $$),
  '^register_template makes one; list_templates', 'none is near');
select matches(pg_temp.hint($$ select
  from tasker.create_task('test', 't', '{}', '{"version": "3.0.0"}') $$),
  '^register_template', 'the name is right, and the version is not');
select matches(pg_temp.hint($$ select from tasker.create_task('othr', 't') $$),
  '^Did you mean other\? ', 'a namespace that is spelled alike');

select is((select count(*) from tasker.tasks), 1::bigint, 'only one task was made');

select * from finish();
rollback;
