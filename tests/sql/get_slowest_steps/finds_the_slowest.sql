begin;
\ir ../fixtures.psql
select plan(11);

select pg_temp.a_template('pair', '{"a": [], "b": ["a"]}');
select pg_temp.a_template('pair', '{"a": []}', p_more => '{"version": "2.0.0"}');
create function pg_temp.run (p_seconds integer, variadic p_options text[]) returns void
 language plpgsql as $$
declare
  v_step record;
begin
  perform tasker.create_task('test', 'pair', '{}', jsonb_build_object('version', p_options[1]));
  loop
    select * into v_step from tasker.claim_steps('test', 'w');
    exit when v_step is null;
    perform pg_temp.later(make_interval(secs => p_seconds));
    perform tasker.complete_step(v_step.step_uuid, v_step.token);
    p_seconds := p_seconds + 1;
  end loop;
end $$;
select pg_temp.run(20, '1.0.0');
select pg_temp.later('2 hours');
select pg_temp.run(5, '1.0.0'), pg_temp.run(9, '2.0.0');

select results_eq('select name, version, duration, state, attempts from tasker.get_slowest_steps()',
  $$ values ('a', '2.0.0', interval '9 s', 'complete', 1),
    ('b', '1.0.0', interval '6 s', 'complete', 1), ('a', '1.0.0', interval '5 s', 'complete', 1) $$,
  'of the last hour, slowest first');
select results_eq('select duration from tasker.get_slowest_steps(p_limit => 1)',
  $$ values (interval '9 s') $$, 'only one');
select results_eq('select name, duration from tasker.get_slowest_steps(''2030-01-01Z'', 2)',
  $$ values ('b', interval '21 s'), ('a', interval '20 s') $$, 'since ever');
select results_eq('select name from tasker.get_slowest_steps(tasker._now() - interval ''1 hour'', '
  '10, ''test'', ''pair'', ''1.0.0'')', array['b', 'a'], 'of one version');
select is_empty('select * from tasker.get_slowest_steps(p_task => ''none'')', 'of no template');
select results_eq('select step_uuid, tasker._task_uuid(step_uuid) = task_uuid from '
  'tasker.get_slowest_steps(p_limit => 1)',
  'select pg_temp.step(task_uuid, ''a''), true from tasker.tasks order by task_uuid desc limit 1',
  'by uuid');
-- What is tried again has not ended; what an operator then completes has not run.
select pg_temp.a_template('once', '{"a": []}', '{"max_attempts": 1}');
select pg_temp.a_task('once') as task \gset
select from tasker.claim_steps('test', 'w') as step,
  tasker.fail_step(step.step_uuid, step.token, '"no"');
select from tasker.retry_step(pg_temp.step(:'task', 'a'), 'again');
select pg_temp.a_claim() as token \gset
select is_empty('select * from tasker.get_slowest_steps(p_task => ''once'')', 'tried again');
select from tasker.release_claim(:'token');
select from tasker.complete_step_manually(pg_temp.step(:'task', 'a'), '1', 'by hand');
select is_empty('select * from tasker.get_slowest_steps(p_task => ''once'')', 'completed by hand');

select throws_ok('select * from tasker.get_slowest_steps(p_namespace => ''nowhere'')', 'TK002');
select throws_ok('select * from tasker.get_slowest_steps(''infinity'')', '22023');
select throws_ok('select * from tasker.get_slowest_steps(p_limit => 0)', '22023');

select * from finish();
rollback;
