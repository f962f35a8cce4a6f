begin;
\ir ../fixtures.psql
select plan(8);
create function pg_temp.swept (p_action text) returns integer language sql as $$
select affected from tasker.sweep() where action = p_action
$$;
select pg_temp.a_template('single', '{"only": []}');
select pg_temp.a_task('single') as first, pg_temp.a_task('single') as second,
  pg_temp.a_task('single') as third \gset
select pg_temp.a_claim() as extended \gset
select pg_temp.a_claim() as expired \gset
select pg_temp.a_claim(1, 'w1', '1 hour') as long \gset

select pg_temp.later('20 seconds');
select from tasker.heartbeat(:'extended');
select pg_temp.later('20 seconds');
select is(pg_temp.swept('claims_taken_back'), 1, 'one of three has expired');
select set_eq('select token from tasker.claims', array[:'extended', :'long']::uuid[],
  'the others live');
select throws_ok(format('select from tasker.heartbeat(%L)', :'expired'), 'TK001', null,
  'it cannot be extended any more');

select is(tasker._take_back(:'extended', tasker._now()), 0,
  'nor is one taken back that was extended since the sweep looked');

-- A claim of which nothing is left to take back.
select from tasker.cancel_task(:'third', 'not needed');
select pg_temp.later('2 hours');
select is(pg_temp.swept('claims_taken_back'), 2, 'claims on cancelled steps are removed, too');
select is_empty('select from tasker.claims', 'all are gone');
select is(pg_temp.step_state(pg_temp.step(:'third', 'only')), 'cancelled',
  'a cancelled step stays so');
select is((select count(*) from tasker.step_failures
  where step_id = tasker._step_id(pg_temp.step(:'third', 'only'))), 0::bigint,
  'and has not failed');

select * from finish();
rollback;
