begin;
\ir ../fixtures.psql
select plan(6);
select throws_ok(format('select from tasker.enqueue_steps(%s)', bad), '22023', null,
  bad || ' is refused')
  from unnest(array['0', '100001', '9223372036854775807']) as bad;

-- A retry is due, and a blocked task in which nothing runs any more waits for its end.
select pg_temp.a_task() as waiting \gset
select pg_temp.a_claim() as token \gset
select from tasker.fail_step(pg_temp.step(:'waiting', 'only'), :'token', '"no"');
select pg_temp.a_template('forked', '{"left": [], "right": []}', '{"max_attempts": 1}');
select pg_temp.a_task('forked') as task \gset
select pg_temp.a_claim(2) as token \gset
select from tasker.fail_step(pg_temp.step(:'task', 'left'), :'token', '"no"');
update tasker.steps set state = 'error', finished_at = tasker._now()
 where step_id = tasker._step_id(pg_temp.step(:'task', 'right'));
delete from tasker.claims;
select pg_temp.later('4 seconds');

select results_eq('select action, affected from tasker.enqueue_steps()',
  $$ values ('queues_recreated', 0), ('claims_taken_back', 0), ('timers_fired', 1),
    ('alarms_fired', 0), ('joins_counted', 0),
            ('submissions_processed', 0), ('messages_restored', 0),
            ('schedules_fired', 0) $$, 'the retry is enqueued');
select is(pg_temp.task_state(:'task'), 'blocked_by_failures', 'no task is ended');
select results_eq('select action, affected from tasker.sweep()',
  $$ values ('queues_recreated', 0), ('claims_taken_back', 0), ('timers_fired', 0),
    ('alarms_fired', 0), ('joins_counted', 0),
            ('submissions_processed', 0), ('messages_restored', 0),
            ('schedules_fired', 0), ('tasks_finalized', 1) $$,
            'a sweep does both');

select * from finish();
rollback;
