begin;
\ir ../fixtures.psql
select plan(10);
select pg_temp.a_template('t', '{"a": []}');
create temp table task as select n, pg_temp.a_task('t') as task from generate_series(1, 9) as n;
create function pg_temp.a (p_n integer) returns uuid language sql as $$
select pg_temp.step(task, 'a') from task where n = p_n
$$;
create function pg_temp.seconds (p_n integer) returns real language sql as $$
select seconds from tasker.steps where step_id = tasker._step_id(pg_temp.a(p_n))
$$;
select pg_temp.a_claim(9) as token \gset
select from tasker.finish_and_claim('test', 'w1', :'token', jsonb_build_array(
  jsonb_build_object('step_uuid', pg_temp.a(1), 'seconds', 1.5), pg_temp.outcome(pg_temp.a(2))), 0);
select is(pg_temp.seconds(1), 1.5::real, 'of a success');
select is(pg_temp.seconds(2), null, 'who does not say');
select from tasker.finish_and_claim('test', 'w1', :'token', jsonb_build_array(
  jsonb_build_object('step_uuid', pg_temp.a(3), 'error', 1, 'seconds', 2.5),
  jsonb_build_object('step_uuid', pg_temp.a(4), 'seconds', -1)), 0);
select is((select seconds from tasker.step_failures where step_id = tasker._step_id(pg_temp.a(3))),
  2.5::real, 'of a failure');
select is(pg_temp.seconds(4), 0::real, 'a clock that was set back');
select from tasker.complete_step(pg_temp.a(5), :'token', null, false, 3.5);
select is(pg_temp.seconds(5), 3.5::real, 'of one by itself');
select from tasker.complete_step(pg_temp.a(6), :'token', p_seconds => 'NaN');
select is(pg_temp.seconds(6), null, 'what is not a number');
select from tasker.fail_step(pg_temp.a(7), :'token', '1', p_seconds => 'infinity');
select is((select seconds from tasker.step_failures where step_id = tasker._step_id(pg_temp.a(7))),
  31536000::real, 'a year at most');
select from tasker.report_steps(:'token',
  jsonb_build_array(jsonb_build_object('step_uuid', pg_temp.a(8), 'seconds', 4.5)));
select is(pg_temp.seconds(8), 4.5::real, 'of one that is reported');
select from tasker.submit_step_results(:'token',
  jsonb_build_array(jsonb_build_object('step_uuid', pg_temp.a(9), 'seconds', 5.5)));
select from tasker.process_step_results();
select is(pg_temp.seconds(9), 5.5::real, 'of one in two hops');

select results_eq(
  $$ select tasker._seconds(n) from unnest('{1e-320,1e300,-0}'::float8[]) as n $$,
  $$ values (0::real), (31536000), (0) $$, 'any number');

select * from finish();
rollback;
