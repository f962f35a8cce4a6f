begin;
\ir ../fixtures.psql
select plan(8);

create function pg_temp.refused (p_name text) returns bigint language plpgsql as $$
declare
  v_call text;
  v_refused bigint := 0;
begin
  foreach v_call in array array[
    'select from tasker.claim_steps(''test'', %L)',
    'select from tasker.await_work(array[''test''], %L)',
    'select from tasker.finish_and_claim(''test'', %L, null, ''[]'')',
    'select from tasker.claim_task_for_finalization(gen_random_uuid(), %L)',
    'select from tasker.report_late_writes(gen_random_uuid(), array[gen_random_uuid()], %L)',
    'select from tasker.report_runner(%L, ''{}'')'
  ] loop
    begin
      execute format(v_call, p_name);
    exception when invalid_parameter_value then
      v_refused := v_refused + (sqlerrm like '%printable%')::integer;
    end;
  end loop;
  return v_refused;
end;
$$;

select pg_temp.a_template('flow', '{"a": []}');
select is(pg_temp.refused(E'\x1b]0;pwned\x07'), 6::bigint, 'an escape sequence');
select is(pg_temp.refused(E'w\n1'), 6::bigint, 'a line break');
select is(pg_temp.refused(E'w\u009b2J'), 6::bigint, 'a control character of eight bits');
select is(pg_temp.refused(E'w\u202e1'), 6::bigint, 'one that turns the direction');
select is(pg_temp.refused(E'w\U000e0041'), 6::bigint, 'a tag');
select throws_ok($$select from tasker.claim_steps('test', E'box\t1')$$, '22023',
  'a worker needs a name of printable characters');
select lives_ok($$select from tasker.claim_steps('test', 'Zürich 7:42 (日本, 🦉) \n')$$, 'any script');
set local standard_conforming_strings = off;
select is(pg_temp.refused(E'w\n1'), 6::bigint, 'whatever the settings');

select * from finish();
rollback;
