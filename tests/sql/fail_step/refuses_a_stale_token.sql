begin;
\ir ../fixtures.psql
select plan(14);
select pg_temp.a_template('t', '{"a": []}');
select pg_temp.a_task('t') as task \gset
select pg_temp.step(:'task', 'a') as a \gset
create function pg_temp.try (p_step uuid, p_token uuid) returns text language sql as $$
select pg_temp.refusal(format('select * from tasker.fail_step(%L, %L, ''"late"'')', p_step,
  p_token))
$$;

select is(pg_temp.try(:'a', gen_random_uuid()), format('TK001: %s is enqueued, attempt 0', :'a'),
  'before it is claimed');
select pg_temp.a_claim() as old \gset
select is(pg_temp.try(:'a', gen_random_uuid()), format('TK001: %s is in_progress, attempt 1', :'a'),
  'a forged token');
select from tasker.release_claim(:'old');
select is(pg_temp.try(:'a', :'old'), format('TK001: %s is enqueued, attempt 0', :'a'),
  'after giving it back');
select pg_temp.a_claim() as new \gset
select is(pg_temp.try(:'a', :'old'), format('TK001: %s is in_progress, attempt 1', :'a'),
  'after another took over');
select from tasker.complete_step(:'a', :'new');
select is(pg_temp.try(:'a', :'new'), format('TK001: %s is complete, attempt 1', :'a'),
  'after completing it');

select pg_temp.a_task('t') as task \gset
select pg_temp.step(:'task', 'a') as a \gset
select pg_temp.a_claim() as token \gset
select from tasker.cancel_task(:'task', 'not wanted');
select is(pg_temp.try(:'a', :'token'), format('TK001: %s is cancelled, attempt 1', :'a'),
  'after its task was cancelled');
select is_empty('select from tasker.step_failures union all select from tasker.timers',
  'none of them left anything');
select is((select state::text from tasker.tasks where task_uuid = :'task'), 'cancelled',
  'or changed the task');

select pg_temp.a_task('t') as failed \gset
select pg_temp.step(:'failed', 'a') as failed \gset
select from tasker.fail_step(:'failed', pg_temp.a_claim(), '"boom"');
select is(pg_temp.try(:'failed', :'token'),
  format('TK001: %s is waiting_for_retry, attempt 1', :'failed'),
  'another''s failure is not one''s own');

select alike(pg_temp.try(:'a', null), '22023: token null%', 'a null token');
select alike(pg_temp.try(null, :'token'), '22023:%', 'a null step');
select is(pg_temp.try(tasker._step_uuid(:'task', 2), :'token'), 'TK002',
  'a step that the task does not have');
select is(pg_temp.try(gen_random_uuid(), :'token'), 'TK002', 'a step of no task');
select is(pg_temp.try(:'task', :'token'), 'TK002', 'a task is not a step');

select * from finish();
rollback;
