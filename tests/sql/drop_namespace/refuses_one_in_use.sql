begin;
\ir ../fixtures.psql
select plan(6);

select pg_temp.a_template('t', '{"a": []}', p_namespace => 'home');
select tasker.register_template('{"name": "u", "namespace_name": "other", "version": "1.0.0",
  "steps": [{"name": "a", "handler": {"callable": "a"}, "namespace": "away"}]}');

select is(pg_temp.refusal($$ select * from tasker.drop_namespace('home') $$),
  'TK003: templates or steps belong to home', 'a template belongs to it');
select is(pg_temp.refusal($$ select * from tasker.drop_namespace('away') $$),
  'TK003: templates or steps belong to away', 'a step is routed to it');
select is(pg_temp.refusal($$ select * from tasker.drop_namespace('none') $$),
  'TK002: namespace ''none''', 'there is none');
select is(pg_temp.refusal($$ select * from tasker.drop_namespace(null) $$),
  '22023: p_namespace is null', 'null');
select set_eq('select name from tasker.namespaces', array['home', 'other', 'away'],
  'all are still there');
select has_table('pgmq', 'q_away_queue', 'with their queues');

select * from finish();
rollback;
