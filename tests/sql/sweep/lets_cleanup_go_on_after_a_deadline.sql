begin;
\ir ../fixtures.psql
select plan(2);
select from tasker.register_template('{"name": "t", "namespace_name": "test", "version": "1.0.0",
  "deadline": "PT1H", "steps": [
  {"name": "a", "handler": {"callable": "h"}},
  {"name": "b", "handler": {"callable": "h"}},
  {"name": "undo", "handler": {"callable": "h"}, "dependencies": ["a"], "run_on": "failure"}]}');
select pg_temp.a_task('t') as task \gset
select pg_temp.a_claim() as token \gset
select from tasker.fail_step(pg_temp.step(:'task', 'a'), :'token', '"no"', false);
select pg_temp.a_claim(2, p_lease => '2 hours');
select pg_temp.later('1 hour');
select from tasker.sweep();
select is(pg_temp.ends(:'task'), 'a error, b error, undo in_progress',
  'what is open ends, cleanup goes on');
select is_empty('select * from tasker.check_invariants()', 'all is well');
select * from finish();
rollback;
