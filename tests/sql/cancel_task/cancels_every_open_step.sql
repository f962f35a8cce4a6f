begin;
\ir ../fixtures.psql
select plan(8);
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
select is(pg_temp.states(),
  'a complete, b in_progress, c waiting_for_retry, d enqueued, e pending, f error', 'all states');

select results_eq(format('select * from tasker.cancel_task(%L, ''not wanted'')', :'task'),
  format('values (%L::uuid, ''cancelled'', 4)', :'task'), 'four steps are cancelled');
select is(pg_temp.states(),
  'a complete, b cancelled, c cancelled, d cancelled, e cancelled, f error',
  'what has ended stays as it is');
select is((select finished_at from tasker.tasks), tasker._now(), 'the task has ended');
select is_empty('select from tasker.timers', 'no retry waits any more');
select is((select count(*) from tasker.step_transitions where task_uuid = :'task'
  and to_state = 'cancelled' and reason = 'not wanted'),
  4::bigint, 'history knows why');
select results_eq('select verb, subject, reason from tasker.operator_actions',
  format('values (''cancel_task'', %L, ''not wanted'')', :'task'), 'and so do the operators');
select is_empty('select * from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
