begin;
\ir ../fixtures.psql
select plan(12);
select tasker.register_template('{"name": "t", "namespace_name": "test", "version": "1.0.0", '
  '"steps": [
  {"name": "a", "handler": {"callable": "a"}}, {"name": "b", "handler": {"callable": "b"}, '
  '"namespace": "away", "dependencies": ["a"]}]}');
create function pg_temp.waiting () returns setof text language sql as $$
select namespace.name || ' ' || worker from tasker.waiters join tasker.namespaces as namespace
using (namespace_id) order by 1
$$;
select from tasker.await_work('{test,away}', 'w1');
select from tasker.await_work('{test}', 'w2');

select pg_temp.a_task('t') as task \gset
select results_eq('select pg_temp.waiting()', array['away w1', 'test w1'],
  'work for one namespace wakes one who waits there: the last');
select pg_temp.a_task('t');
select results_eq('select pg_temp.waiting()', array['away w1'], 'more work wakes the next');
select pg_temp.a_task('t');
select results_eq('select pg_temp.waiting()', array['away w1'], 'and then nobody');
select pg_temp.a_claim(1) as token \gset
select results_eq('select pg_temp.waiting()', array['away w1'], 'nor does a claim');
select from tasker.complete_step(pg_temp.step(:'task', 'a'), :'token');
select is_empty('select pg_temp.waiting()',
  'a finished step wakes those who wait for its children');

-- Work that comes by other ways wakes, too.
select from tasker.await_work('{test}', 'w1');
select pg_temp.a_claim(1) as token \gset
select from tasker.release_claim(:'token');
select is_empty('select pg_temp.waiting()', 'a claim that is given back');
select from tasker.await_work('{test}', 'w1', '1 hour');
select pg_temp.a_task('t', p_options => '{"run_at": "2030-01-01T00:00:20Z"}');
select is((select count(*) from pg_temp.waiting()), 1::bigint,
  'what is for later wakes nobody now');
select pg_temp.later('20 seconds');
select from tasker.sweep();
select is_empty('select pg_temp.waiting()', 'but when its time has come');

-- Those who waited long enough are forgotten, with work or without.
select from tasker.await_work('{test}', 'w1', '2 seconds');
select pg_temp.later('2.1 seconds');
select results_eq('select pg_temp.waiting()', array['test w1'], 'a registration that is over');
select from tasker.sweep();
select is_empty('select pg_temp.waiting()', 'is swept');
select from tasker.await_work('{test}', 'w1', '2 seconds');
select pg_temp.later('2.1 seconds');
select pg_temp.a_task('t');
select is_empty('select pg_temp.waiting()', 'or goes with the next work');
select is(tasker._wake(null, 1, tasker._now())::text, '', 'a null namespace wakes nobody');

select * from finish();
rollback;
