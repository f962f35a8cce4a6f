-- W3: no more signals are stored than signals_per_task, and what a wait gets is a result together.
begin;
\ir ../fixtures.psql
select plan(4);
select pg_temp.gated('t', '[{"name": "a"}, {"name": "v", "dependencies": ["a"],
  "wait": {"signal": "ok", "count": 100}}, {"name": "w", "dependencies": ["a"],
  "wait": {"signal": "ok"}}]');
select from tasker.set_limit('signals_per_task', 100, 'a test');
select pg_temp.a_task('t') as task \gset
select is((select count(*) from generate_series(1, 100) as i,
  lateral tasker.send_signal(:'task', 'ok', to_jsonb(i))), 100::bigint, 'as many as it says');
select is(pg_temp.refusal(format('select tasker.send_signal(%L, ''ok'')', :'task')),
  'TK006: 101 signals, at most 100', 'and no more');
select pg_temp.play();
select from tasker.set_limit('result_bytes', 8192, 'a test');
select pg_temp.gated('u', '[{"name": "w", "wait": {"signal": "ok", "count": 2}}]');
select pg_temp.a_task('u') as task \gset
select from tasker.send_signal(:'task', 'ok', to_jsonb(repeat('x', 5000)));
select alike(pg_temp.refusal(format('select tasker.send_signal(%L, ''ok'', %L)', :'task',
  to_jsonb(repeat('x', 5000)))), 'TK006: 100__ bytes, at most 8192', 'two together are too large');
select is_empty('select * from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
