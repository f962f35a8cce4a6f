begin;
\ir ../fixtures.psql
select plan(7);
-- Two wide joins and a wide task (20 sinks) whose rows are free, and an id that no row has: it
-- counts as busy.
select pg_temp.a_template('wide',
  (select jsonb_object_agg('p' || i, '[]'::jsonb) || jsonb_build_object('x', jsonb_agg('p' || i),
    'y', jsonb_agg('p' || i))
                                     from generate_series(1, 20) as i));
select pg_temp.a_task('wide') as task \gset
select tasker._step_id(pg_temp.step(:'task', 'x')) as x, tasker._step_id(pg_temp.step(:'task', 'y'))
 as y, tasker._step_id(:'task') as t, 999::bigint << 20 as busy \gset
create function pg_temp.defer (p_wide bigint[], p_amounts jsonb) returns jsonb language sql as $$
select jsonb_object_agg(id, coalesce((amounts ->> id::text)::integer, 1))
from tasker._defer_wide(p_wide, p_amounts), unnest(ids) as id
$$;

select is(pg_temp.defer(array[:x, :y], jsonb_build_object(:y, 3)), jsonb_build_object(:x, 1, :y, 3),
  'free rows are counted now, once by default');
select is(pg_temp.defer(array[:x, :busy], jsonb_build_object(:busy, 4)), jsonb_build_object(:x, 1),
  'a row that is not free is not');
select results_eq('select step_id, amount from tasker.deferred_decrements',
  format('values (%s::bigint, 4)', :busy), 'its decrement is deferred');

insert into tasker.deferred_decrements (step_id, amount) values (:x, 1), (:x, 5), (:t, 2);
select is(pg_temp.defer(array[:x, :y, :t], jsonb_build_object(:t, 2)),
  jsonb_build_object(:x, 7, :y, 1, :t, 4), 'what was deferred comes on top');
select results_eq('select step_id from tasker.deferred_decrements', array[:busy::bigint],
  'and is gone');

-- Amounts of 0 only ask for what was deferred.
insert into tasker.deferred_decrements (step_id, amount) values (:y, 2);
select is(pg_temp.defer(array[:x, :y, :busy], jsonb_build_object(:x, 0, :y, 0, :busy, 0)),
  jsonb_build_object(:y, 2), 'nothing to count is not counted');
select results_eq('select amount from tasker.deferred_decrements', array[4], 'nor deferred again');

select * from finish();
rollback;
