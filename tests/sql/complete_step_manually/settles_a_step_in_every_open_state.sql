begin;
\ir ../fixtures.psql
select plan(9);
-- A step in each state: a complete, b in_progress, c waiting_for_retry, d enqueued, e pending, f in
-- error.
select pg_temp.a_template('all',
  '{"a": [], "b": ["a"], "c": ["a"], "d": ["a"], "e": ["b", "d"], "f": ["a"]}');
select pg_temp.a_task('all') as task \gset
select pg_temp.a_claim() as token \gset
select from tasker.complete_step(pg_temp.step(:'task', 'a'), :'token', '"of a"');
create temp table claimed as
select step.step_uuid, step.token, step.name from generate_series(1, 4) as i,
  lateral tasker.claim_steps('test', 'w' || i) as step;
select from claimed, lateral tasker.fail_step(step_uuid, token, '"no"', name <> 'f')
 where name in ('c', 'f');
select from claimed, lateral tasker.release_claim(token) where name = 'd';
select pg_temp.later('1 second');
create function pg_temp.states () returns text language sql as $$
select string_agg(step.name || ' ' || step.state, ', ' order by step.name) from tasker.tasks,
lateral pg_temp.step_states(task_uuid) as step
$$;
select is(pg_temp.refusal(format('select from tasker.complete_step_manually(%L, ''7'', ''by '
  'hand'')', pg_temp.step(:'task', name))), null, name)
  from unnest(array['b', 'c', 'd', 'f']) as name;
select is(pg_temp.states(),
  'a complete, b complete, c complete, d complete, e enqueued, f complete',
  'in progress, waiting, enqueued, in error: all are settled, and their child is enqueued');
select is((select result from tasker.steps
  where step_id = tasker._step_id(pg_temp.step(:'task', 'b'))), '7', 'with the result given');
select is((select count(*) from tasker.step_transitions where task_uuid = :'task'
  and to_state = 'complete' and reason = 'by hand'),
  4::bigint, 'history knows why');
select is((select count(*) from tasker.operator_actions where verb = 'complete_step_manually'
  and reason = 'by hand'), 4::bigint, 'and who');
select is_empty('select * from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
