-- F6: a condition reads what it may, and nothing else; everything is checked here.
begin;
\ir ../fixtures.psql
select plan(26);
create function pg_temp.fault (p_if jsonb, p_more jsonb default '{}') returns text language sql
 as $$
select pg_temp.refusal(format(
  'select pg_temp.gated(%L, jsonb_build_array(''{"name": "pay"}''::jsonb, %L::jsonb))',
  't' || md5(random()::text),
  jsonb_build_object('name', 'b', 'dependencies', '["pay"]'::jsonb, 'if', p_if) || p_more))
$$;
create function pg_temp.fault (p_if text) returns text language sql as $$
select replace(pg_temp.fault(to_jsonb(p_if)), '22023: step b if: ', '')
$$;
select is(pg_temp.fault('$.results.pya.n > 1'), '$.results needs the name of one of its '
  'dependencies (pay): pya is none; did you mean pay?', 'a typo in a parent');
select is(pg_temp.fault('$.states.b == "x"'), '$.states needs the name of one of its dependencies '
  '(pay): b is none', 'not a parent');
select is(pg_temp.fault('exists($.errors)'),
  '$.errors needs the name of one of its dependencies (pay)', 'all of them');
select is(pg_temp.fault('$.results.* > 1'),
  '$.results needs the name of one of its dependencies (pay)', 'any of them');
select is(pg_temp.fault('$.result.pay > 1'), 'reads $.result.pay; it may read $.context, '
  '$.results, $.states, $.errors and $.task', 'an unknown part');
select alike(pg_temp.fault('exists($.**)'), 'reads $; %', 'everything');
select alike(pg_temp.fault('$.context.a == $x'), 'reads $x; %', 'a variable');
select alike(pg_temp.fault('$.context ? (@.a == $.pay)'), 'reads $.pay; %', 'in a filter');
select alike(pg_temp.fault('$.context.a >'), '22023: step b if ''$.context.a >'': %syntax error%',
  'not a path');
select alike(pg_temp.fault('context.a > 1'), '22023: step b if ''context.a > 1'': %', 'no root');
select alike(pg_temp.fault(''), '22023: step b if is "", need an SQL/JSON path of up to 500%',
  'nothing');
select is(pg_temp.fault('$.context.a == "' || repeat('x', 500) || '"'),
  '22023: step b if has 517 characters', 'too long');
select is(pg_temp.fault('$.context.a like_regex "' || repeat('x', 101) || '"'),
  'a like_regex has at most 100 characters', 'a long regular expression');
select is(pg_temp.fault('$.context.a like_regex "(a+)\\1"'),
  'a like_regex must not refer back to a group (\1)', 'one that may take for ever');
select throws_ok($$ select pg_temp.gated('r', '[{"name": "a",
  "if": "$.context.a like_regex \"(\""}]') $$, '22023', null, 'one that is none');
select alike(pg_temp.fault('7'::jsonb), '22023: step b if is 7, need an SQL/JSON%', 'a number');
select alike(pg_temp.fault('null'::jsonb), '22023: step b if is null, need an SQL/JSON%', 'null');
select alike(pg_temp.fault('{"sql": "drop table x"}'::jsonb), '22023: step b if is {%',
  'an object');
select is(pg_temp.fault('"$.context.a > 1"'::jsonb, '{"run_on": "sucess"}'),
  '22023: step b run_on is "sucess", need one of success, full_success, failure, end', 'run_on');
select is(pg_temp.fault('"$.context.a > 1"'::jsonb, '{"on_error": "ignore"}'),
  '22023: step b on_error is "ignore", need one of fail, continue, skip', 'on_error');

-- What is right.
select is(pg_temp.fault('$.context.a == "$.nothing \"of\" $x"'), null, 'a text is not a path');
select is(pg_temp.fault('lax $.context."a$b"[*] ? (@.n > $.results.pay.n).n == 1'), null, 'keys');
select is(pg_temp.fault('$.task.priority == "high" && $.states.pay == "complete"'), null, 'task');
select is((select features - 'path' from tasker.template_steps
            where name = 'b' and features ->> 'if' like '$.task%'),
  '{"run_on": "success", "on_error": "fail", "needs": ["pay"], "reads": ["$.\"states\".\"pay\"", '
  '"$.\"task\".\"priority\""], "if": "$.task.priority == \"high\" && '
  '$.states.pay == \"complete\""}', 'what it reads is compiled');
prepare unknown as select from tasker.register_template('{"name": "y", "namespace_name": "test",
  "version": "1.0.0", "steps": [{"name": "a", "handler": {"callable": "h"}, "runon": "end"}]}');
select alike(pg_temp.refusal('execute unknown'), '22023: ''runon''; known are name, %run_on%',
  'an unknown key');
create function pg_temp.hint () returns text language plpgsql as $$
declare v_hint text;
begin
  execute 'execute unknown'; return null;
exception when others then get stacked diagnostics v_hint = pg_exception_hint; return v_hint;
end $$;
select is(pg_temp.hint(), 'Did you mean run_on?', 'and the nearest');

select * from finish();
rollback;
