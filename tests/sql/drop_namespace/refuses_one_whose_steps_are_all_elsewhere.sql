begin;
\ir ../fixtures.psql
select plan(2);

select from tasker.register_template('{"name": "t", "namespace_name": "home", "version": "1.0.0",
  "steps": [{"name": "a", "handler": {"callable": "a"}, "namespace": "away"}]}');
select is(pg_temp.refusal($$ select * from tasker.drop_namespace('home') $$),
  'TK003: templates or steps belong to home', 'its template is still there');
select has_table('pgmq', 'q_home_queue', 'and so are its queues');

select * from finish();
rollback;
