begin;
\ir ../fixtures.psql
select plan(6);
create function pg_temp.swept (p_action text) returns integer language sql as $$
select affected from tasker.sweep() where action = p_action
$$;
set local client_min_messages = error;
-- Whatever is done to the rows of one task fails.
create function pg_temp.poison () returns trigger language plpgsql
 as $$ begin raise exception 'poison' using errcode = 'XX001'; end $$;
select pg_temp.a_template('single', '{"only": []}'),
  pg_temp.a_template('fork', '{"left": [], "right": []}');
select pg_temp.a_task('single') as poisoned, pg_temp.a_task('single') as other \gset
select pg_temp.a_claim(1, 'w1', '1 second'), pg_temp.a_claim(1, 'w2', '2 seconds');
select format('create trigger poison before update on tasker.steps for each row when (new.step_id '
  '= %s) execute function pg_temp.poison()',
              tasker._step_id(pg_temp.step(:'poisoned', 'only'))) \gexec
select pg_temp.later('1 minute');
select is(pg_temp.swept('claims_taken_back'), 1, 'one claim is taken back');
select is(pg_temp.step_state(pg_temp.step(:'other', 'only')), 'enqueued', 'the other one');
select is((select worker from tasker.claims), 'w1', 'the poisoned one stays');

-- Two tasks as failures leave them that do not see each other.
select pg_temp.a_claim();
select pg_temp.a_task('fork') as poisoned, pg_temp.a_task('fork') as other \gset
select from tasker.claim_steps('test', 'w3', 4) as step,
  lateral tasker.fail_step(step_uuid, token, '"no"', false) where name = 'left';
update tasker.steps set state = 'error', finished_at = tasker._now()
 where step_id in (tasker._step_id(pg_temp.step(:'poisoned', 'right')),
   tasker._step_id(pg_temp.step(:'other', 'right')));
select format('create trigger poison before update on tasker.tasks for each row when (new.task_id '
  '= %s) execute function pg_temp.poison()', tasker._step_id(:'poisoned') >> 20) \gexec
select is(pg_temp.swept('tasks_finalized'), 1, 'one task is ended');
select is(pg_temp.task_state(:'other'), 'error', 'the other one');
select is(pg_temp.task_state(:'poisoned'), 'blocked_by_failures', 'the poisoned one stays');

select * from finish();
rollback;
