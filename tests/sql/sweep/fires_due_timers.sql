begin;
\ir ../fixtures.psql
select plan(12);
create function pg_temp.swept (p_action text) returns integer language sql as $$
select affected from tasker.sweep() where action = p_action
$$;
select pg_temp.a_task() as task, pg_temp.a_task() as other \gset
select pg_temp.step(:'task', 'only') as step \gset
select pg_temp.a_claim() as token \gset
select from tasker.fail_step(:'step', :'token', '"no"', true, '10 seconds');

select pg_temp.later('9 seconds 999 milliseconds');
select is(pg_temp.swept('timers_fired'), 0, 'not before its time');
select pg_temp.later('1 millisecond');
select is(pg_temp.swept('timers_fired'), 1, 'but then');
select is(pg_temp.step_state(:'step'), 'enqueued', 'it is enqueued');
select is((select count(*) from pg_temp.queued('test_queue')), 2::bigint, 'with a message');
select is_empty('select from tasker.timers', 'and without its timer');
select is(pg_temp.swept('timers_fired'), 0, 'once');
select is((select reason from tasker.step_transitions where task_uuid = :'task'
  order by transition_id desc, position desc limit 1),
  null, 'nobody gave a reason');

-- Timers of steps that do not wait, or do not exist.
insert into tasker.timers (step_id, due_at) values (tasker._step_id(:'step'), tasker._now()),
  (999999::bigint << 20 | 1, tasker._now()),
  (tasker._step_id(pg_temp.step(:'other', 'only')), tasker._now());
select is(pg_temp.swept('timers_fired'), 0, 'an orphaned timer fires nothing');
select is((select count(*) from pg_temp.queued('test_queue')), 2::bigint, 'and sends nothing');
select is((select count(*) from tasker.timers where due_at > '-infinity'), 0::bigint,
  'but is removed');
select is(pg_temp.run_all(), 2, 'all runs');

select pg_temp.a_template('chain', '{"a": [], "b": ["a"]}');
select pg_temp.step(pg_temp.a_task('chain'), 'b') as b \gset
insert into tasker.timers (step_id, due_at) values (tasker._step_id(:'b'), tasker._now());
select is(pg_temp.swept('timers_fired'), 0,
  'a step that waits for a parent is not started by a timer');

select * from finish();
rollback;
