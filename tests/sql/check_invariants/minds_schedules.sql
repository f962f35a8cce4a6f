begin;
\ir ../fixtures.psql
select plan(6);
select pg_temp.a_schedule('0 * * * *', '{"overlap": "queue"}');
select pg_temp.at('2030-01-01 01:00Z'), pg_temp.fired();
create function pg_temp.wrong () returns text language sql as $$
select string_agg(format('%s (%s)', invariant, severity), ', ' order by invariant)
  from tasker.check_invariants()
$$;
select is(pg_temp.wrong(), null, 'all is well');
savepoint well;
update tasker.schedule_ticks set is_open = false;
select is(pg_temp.wrong(), 'an open task of a schedule counts as open (safety)', 'an open task');
rollback to well;
delete from tasker.schedules;
select is(pg_temp.wrong(), 'a tick has its schedule (safety)', 'a lost schedule');
rollback to well;
delete from tasker.schedule_ticks;
select is(pg_temp.wrong(), 'a decided tick has its row (safety)', 'a lost tick');
rollback to well;
select pg_temp.at('2030-01-01 02:01:01Z');
select is(pg_temp.wrong(), 'a due schedule fires (convergence)', 'nobody sweeps');
rollback to well;
select pg_temp.at('2030-01-01 02:00Z'), pg_temp.fired(), pg_temp.run_all(), pg_temp.later('61 s');
select is(pg_temp.wrong(), 'a queued tick starts when the tasks before it have ended (convergence)',
  'nor then');

select * from finish();
rollback;
