begin;
\ir ../fixtures.psql
select plan(9);
create function pg_temp.swept (p_action text) returns integer language sql as $$
select affected from tasker.sweep() where action = p_action
$$;
select pg_temp.a_template('one', '{"a": []}'), pg_temp.a_template('two', '{"a": []}');
select pg_temp.a_task('one') as task, pg_temp.a_task('two') as other \gset
select from tasker.pause_task(:'task', 'wait');
select from tasker.pause_template('test', 'two', 'wait');
select is(pg_temp.a_claim(9), null, 'paused steps are not handed out');
select is((select count(*) from pg_temp.queued('test_queue')), 0::bigint,
  'and lose their messages');

select pg_temp.later('1 minute');
select is(pg_temp.swept('messages_restored'), 0,
  'which are not restored, or claims would take them again and again');
select is_empty('select * from tasker.check_invariants()', 'that is as it should be');
select from tasker.resume_task(:'task', 'go on');
select is((select count(*) from pg_temp.queued('test_queue')), 1::bigint,
  'to resume sends them at once');
select from tasker.resume_template('test', 'two', 'go on');
select is(pg_temp.swept('messages_restored'), 1, 'for a template, the sweep does');
select pg_temp.later('1 minute');
select is(pg_temp.swept('messages_restored'), 0, 'once');
select is(pg_temp.run_all(), 2, 'both run');
select is(pg_temp.task_state(:'other'), 'complete', 'to their end');

select * from finish();
rollback;
