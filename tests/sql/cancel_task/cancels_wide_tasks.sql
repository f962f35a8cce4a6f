begin;
\ir ../fixtures.psql
select plan(6);
select pg_temp.a_template('wide',
  (select jsonb_object_agg('p' || i, '[]'::jsonb) from generate_series(1, 400) as i)
                                   || jsonb_build_object('join',
                        (select jsonb_agg('p' || i) from generate_series(1, 400) as i)));
select pg_temp.a_task('wide') as task \gset
select pg_temp.a_claim(100) as token \gset
select from tasker.steps,
  lateral tasker.complete_step(tasker._step_uuid(:'task', step_id), :'token')
 where step_id & 1048575 <= 30 and claim_token is not null;
insert into tasker.deferred_decrements (step_id, amount)
 values (tasker._step_id(pg_temp.step(:'task', 'join')), 1);
update tasker.steps set waiting_parents = waiting_parents + 1
 where step_id = tasker._step_id(pg_temp.step(:'task', 'join'));

select is((select cancelled_steps from tasker.cancel_task(:'task', 'too wide')), 371,
  'all that were open');
select is((select affected from tasker.sweep() where action = 'joins_counted'), 1,
  'what was left to count is dropped');
select is_empty('select from tasker.deferred_decrements', 'for good');
select is(pg_temp.task_state(:'task'), 'cancelled', 'the task stays cancelled');
select is(pg_temp.step_state(pg_temp.step(:'task', 'join')), 'cancelled', 'its join, too');
select is(pg_temp.a_claim(400), null, 'nothing is handed out');

select * from finish();
rollback;
