begin;
\ir ../fixtures.psql
select plan(7);
prepare known as select acknowledged_by is not null from tasker.problems
 where subject = 'template test/t';
select pg_temp.a_template('t', '{"a": []}', '{"max_attempts": 1}');
create function pg_temp.fails () returns void language sql as $$
select pg_temp.a_task('t');
select from tasker.claim_steps('test', 'w1') as held
 cross join lateral tasker.fail_step(held.step_uuid, held.token, '"broken"');
$$;
select pg_temp.fails();
select pg_temp.later('1 minute');
select from tasker.acknowledge_problem('dead_letters', 'template test/t', 'a known bug');
select pg_temp.later('20 days');
select results_eq('known', 'values (true)', 'it did not change');
select pg_temp.fails();
select results_eq('known', 'values (false)', 'one more failed');
select from tasker.acknowledge_problem('dead_letters', 'template test/t', 'a known bug',
  tasker._now() + interval '30 days');
select results_eq('known', 'values (true)', 'which is known, too');
select pg_temp.later('1 second');
select pg_temp.fails();
select results_eq('known', 'values (false)', 'and another one, before its time is over');

-- A backlog may move and grow a little; twice as much, or worse, is news.
select pg_temp.a_task('t') from generate_series(1, 4);
select pg_temp.later('2 minutes');
select from tasker.acknowledge_problem('no_worker', 'namespace test', 'they come back at noon',
  tasker._now() + '4 hours');
prepare backlog as select acknowledged_by is not null from tasker.problems
 where code = 'no_worker';
select from pg_temp.a_claim(1, 'w1', '1 second');
select pg_temp.a_task('t') from generate_series(1, 5);
select pg_temp.later('2 minutes');
select results_eq('backlog', 'values (true)', 'eight steps instead of four');
select pg_temp.a_task('t');
select results_eq('backlog', 'values (false)', 'nine are more than twice as many');

-- A warning that is critical now.
select from tasker.acknowledge_problem('dead_letters', 'template test/t', 'a known bug',
  tasker._now() + interval '30 days');
update tasker.acknowledgements
   set amount = 1000, acknowledged_at = tasker._now() + interval '1 hour';
select pg_temp.fails() from generate_series(1, 20);
select results_eq('known', 'values (false)', 'it is critical now');

select * from finish();
rollback;
