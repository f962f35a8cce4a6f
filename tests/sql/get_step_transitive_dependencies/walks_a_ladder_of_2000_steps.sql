-- Two steps a rung, each after both of the rung before: 2^1000 ways lead down, and one pass must
-- do.
begin;
\ir ../fixtures.psql
select plan(3);
set local statement_timeout = '10s';

select pg_temp.a_template('ladder',
  (select jsonb_object_agg(side || rung,
    case when rung > 1 then jsonb_build_array('l' || rung - 1, 'r' || rung - 1) else '[]' end)
                                       from generate_series(1, 1000) as rung cross
                        join unnest(array['l', 'r']) as side));
select pg_temp.a_task('ladder') as task \gset
select results_eq(format('select count(*), max(distance), sum(distance) from '
  'tasker.get_step_transitive_dependencies(%L)', pg_temp.step(:'task', 'l1000')),
  'values (1998::bigint, 999, 999000::bigint)', 'every rung below, at its distance');
select results_eq(format('select max(dependency_level) from tasker.calculate_dependency_levels(%L)',
  :'task'), array[999], 'and its level');
select results_eq(format('select count(*), sum(total_parents) from '
  'tasker.get_step_readiness_status(%L)', :'task'), 'values (2000::bigint, 3996::bigint)',
  'and readiness');

select * from finish();
rollback;
