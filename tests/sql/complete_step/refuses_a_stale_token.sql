begin;
\ir ../fixtures.psql
select plan(17);
select pg_temp.a_template('t', '{"a": []}', '{"backoff": "none", "max_attempts": 9}');
select pg_temp.a_task('t') as task \gset
select pg_temp.step(:'task', 'a') as a \gset
create function pg_temp.try (p_token uuid) returns text language sql as $$
select pg_temp.refusal(format('select * from tasker.complete_step(%L, %L, ''"late"'')',
  pg_temp.step((select task_uuid from tasker.tasks), 'a'), p_token))
$$;

select is(pg_temp.try(gen_random_uuid()), format('TK001: %s is enqueued, attempt 0', :'a'),
  'before it is claimed');
select pg_temp.a_claim() as old \gset
select is(pg_temp.try(gen_random_uuid()), format('TK001: %s is in_progress, attempt 1', :'a'),
  'a forged token');

-- The lease runs out: as long as nobody took the step back, its worker may still finish; then not.
select pg_temp.later('31 seconds');
select from tasker.sweep();
select is(pg_temp.try(:'old'), format('TK001: %s is enqueued, attempt 1', :'a'),
  'after the lease was lost');
select pg_temp.a_claim() as new \gset
select is(pg_temp.try(:'old'), format('TK001: %s is in_progress, attempt 2', :'a'),
  'after another took over');
select is((select state || ' ' || claim_token from tasker.steps), 'in_progress ' || :'new',
  'who is not disturbed');
select from tasker.release_claim(:'new');
select is(pg_temp.try(:'new'), format('TK001: %s is enqueued, attempt 1', :'a'),
  'after giving it back');
select pg_temp.a_claim() as failed \gset
select from tasker.fail_step(:'a', :'failed', '"boom"');
select is(pg_temp.try(:'failed'), format('TK001: %s is waiting_for_retry, attempt 2', :'a'),
  'after failing it');
select from tasker.sweep();
select pg_temp.a_claim() as cancelled \gset
select from tasker.cancel_task(:'task', 'not wanted');
select is(pg_temp.try(:'cancelled'), format('TK001: %s is cancelled, attempt 3', :'a'),
  'after its task was cancelled');
select is((select result from tasker.steps), null, 'none of them left a result');
select is((select state::text from tasker.steps), 'cancelled', 'or a state');
select is((select count(*) from tasker.claims), 1::bigint, 'a refused call leaves the claim');

select is(pg_temp.try(null), '22023: token null, step {' || tasker._step_id(:'a') || '}',
  'a null token');
select throws_ok(format('select * from tasker.complete_step(null, %L)', :'cancelled'), '22023',
  null, 'a null step');
select throws_ok('select * from tasker.complete_step(null, null)', '22023', null, 'both');
select is(pg_temp.refusal(format('select * from tasker.complete_step(%L, %L)',
  tasker._step_uuid(:'task', 2), :'cancelled')), 'TK002', 'a step that the task does not have');
select is(pg_temp.refusal(format('select * from tasker.complete_step(%L, %L)',
  gen_random_uuid(), :'cancelled')), 'TK002', 'a step of no task');
select is(pg_temp.refusal(format('select * from tasker.complete_step(%L, %L)', :'task',
  :'cancelled')), 'TK002', 'a task is not a step');

select * from finish();
rollback;
