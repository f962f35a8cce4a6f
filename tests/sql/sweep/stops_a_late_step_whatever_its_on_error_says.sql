-- D3, C4: a step that its task's deadline ends has failed, also where that would not matter.
begin;
\ir ../fixtures.psql
select plan(3);
select pg_temp.gated('late', '[{"name": "pay", "on_error": "continue"},
  {"name": "ship", "dependencies": ["pay"]},
  {"name": "alert", "dependencies": ["pay"], "run_on": "failure"}]');
select pg_temp.a_task('late', '{}', '{"deadline": "PT1M"}') as task \gset
select pg_temp.later('2 minutes');
select from tasker.sweep();
select is(pg_temp.ends(:'task'), 'alert enqueued, pay error, ship upstream_failed',
  'nothing goes on as if it had been in time');
select pg_temp.play();
select pg_temp.a_task('late', '{}', '{"deadline": "PT1M"}') as task \gset
select pg_temp.a_claim(1, 'w', '1 hour');
select pg_temp.later('2 minutes');
select from tasker.sweep();
select is(pg_temp.ends(:'task'), 'alert enqueued, pay error, ship upstream_failed',
  'nor while it runs');
select is_empty('select * from tasker.check_invariants()', 'every invariant holds');

select * from finish();
rollback;
