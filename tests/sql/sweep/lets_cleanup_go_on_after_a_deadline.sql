-- D3: a deadline ends what is open, and leaves cleanup that already runs alone.
begin;
\ir ../fixtures.psql
select plan(2);
select pg_temp.gated('t', '[{"name": "a"}, {"name": "b"},
  {"name": "undo", "dependencies": ["a"], "run_on": "failure"}]');
select pg_temp.a_task('t', '{}', '{"deadline": "PT1H"}') as task \gset
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
