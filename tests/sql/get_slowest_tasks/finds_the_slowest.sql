begin;
\ir ../fixtures.psql
select plan(7);

select pg_temp.a_template('pair', '{"a": [], "b": ["a"]}');
create function pg_temp.run (p_seconds integer) returns uuid language plpgsql as $$
declare
  v_task constant uuid := pg_temp.a_task('pair');
  v_step record;
begin
  perform pg_temp.later('1 second');
  loop
    select * into v_step from tasker.claim_steps('test', 'w');
    exit when v_step is null;
    perform pg_temp.later(make_interval(secs => p_seconds));
    perform tasker.complete_step(v_step.step_uuid, v_step.token);
    p_seconds := p_seconds + 1;
  end loop;
  return v_task;
end $$;
select pg_temp.run(20) as old \gset
select pg_temp.later('2 hours');
select pg_temp.run(5) as slow \gset
select pg_temp.run(3) as fast \gset
select pg_temp.a_task('pair');

select results_eq('select task_uuid, name, state, duration, waited, total_steps, slowest_step, '
  'slowest_step_duration from tasker.get_slowest_tasks()',
  format($$ values (%L::uuid, 'pair', 'complete', interval '12 s', interval '1 s', 2, 'b',
    interval '6 s'),
                   (%L, 'pair', 'complete', interval '8 s', interval '1 s', 2, 'b',
                     interval '4 s') $$, :'slow', :'fast'), 'of the last hour, slowest first');
select results_eq('select task_uuid from tasker.get_slowest_tasks(''2030-01-01Z'', 1)',
  array[:'old'::uuid], 'since ever');
select is_empty('select * from tasker.get_slowest_tasks(p_version => ''9.9.9'')', 'of no version');
select results_eq('select count(*) from tasker.get_slowest_tasks(p_namespace => ''test'', p_task '
  '=> ''pair'', p_version => ''1.0.0'')', array[2::bigint], 'of one');
select throws_ok('select * from tasker.get_slowest_tasks(p_namespace => ''nowhere'')', 'TK002');
select throws_ok('select * from tasker.get_slowest_tasks(''infinity'')', '22023');
select throws_ok('select * from tasker.get_slowest_tasks(p_limit => 0)', '22023');

select * from finish();
rollback;
