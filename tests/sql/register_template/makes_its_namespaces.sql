begin;
\ir ../fixtures.psql
select plan(6);

select tasker.create_namespace('known');
select tasker.register_template('{"name": "t", "namespace_name": "home", "version": "1.0.0", '
  '"steps": [
  {"name": "a", "handler": {"callable": "a"}},
  {"name": "b", "handler": {"callable": "b"}, "namespace": "away"},
  {"name": "c", "handler": {"callable": "c"}, "namespace": "known"}]}');

select set_eq('select name from tasker.namespaces', array['home', 'away', 'known'],
  'its own and its steps''');
select has_table('pgmq', 'q_' || name || '_queue' || suffix,
  format('queue %s_queue%s', name, suffix))
  from (values ('home', ''), ('away', '_high'), ('away', '_low')) as queue (name, suffix);
select results_eq('select link.name, namespace.name, link.queue from tasker.template_steps as link
                     join tasker.namespaces as namespace using (namespace_id) order by 1',
  $$ values ('a', 'home', 'home_queue'), ('b', 'away', 'away_queue'),
    ('c', 'known', 'known_queue') $$, 'steps go where they say');
select throws_ok($$ select *
  from tasker.register_template('{"name": "u", "namespace_name": "newer", "version": "1.0.0", '
    '"steps": [
    {"name": "a", "handler": {"callable": "a"}, "dependencies": ["a"]}]}') $$, 'TK007', null,
    'no namespace is left by a definition that is refused');

select * from finish();
rollback;
