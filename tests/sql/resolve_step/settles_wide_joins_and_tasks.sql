begin;
\ir ../fixtures.psql
select plan(7);
create function pg_temp.settle (p_step uuid) returns text language sql
 as $$ select task_state from tasker.resolve_step(p_step, 'by hand') $$;
select jsonb_object_agg('p' || i, '[]'::jsonb) as parts, jsonb_agg('p' || i) as names
 from generate_series(1, 20) as i \gset
select pg_temp.a_template('join', :'parts'::jsonb || jsonb_build_object('join', :'names'::jsonb)),
  pg_temp.a_template('wide', :'parts');
select pg_temp.a_task('join') as joined, pg_temp.a_task('wide') as wide \gset

select is(count(pg_temp.settle(pg_temp.step(:'joined', 'p' || i))), 20::bigint,
  'all parents of a wide join') from generate_series(1, 20) as i;
select is(pg_temp.step_state(pg_temp.step(:'joined', 'join')), 'enqueued', 'it is enqueued');
select is(string_agg(distinct pg_temp.settle(pg_temp.step(:'wide', 'p' || i)), ', '),
  'complete, in_progress', 'all sinks of a wide task')
  from generate_series(1, 20) as i;
select is(pg_temp.task_state(:'wide'), 'complete', 'it is complete');
select is_empty('select from tasker.deferred_decrements', 'nothing is left for later');
select is_empty('select * from tasker.check_invariants()', 'all is well');
select is(pg_temp.run_all(), 1, 'the join runs once');

select * from finish();
rollback;
