begin;
\ir ../fixtures.psql
select plan(10);
create function pg_temp.swept (p_action text) returns integer language sql as $$
select affected from tasker.sweep() where action = p_action
$$;
select pg_temp.a_template('pair', '{"a": [], "b": []}', '{"max_attempts": 2}');
select pg_temp.a_task('pair') as task \gset
select pg_temp.step(:'task', 'a') as a \gset
select pg_temp.a_claim(2, 'slow') as token \gset

select pg_temp.later('30 seconds');
select is(pg_temp.swept('claims_taken_back'), 0, 'a lease holds to its last moment');
select pg_temp.later('1 microsecond');
select is(pg_temp.swept('claims_taken_back'), 1, 'and not longer');
select results_eq(format('select state, attempt from pg_temp.step_states(%L)', :'task'),
  $$ values ('enqueued', 1), ('enqueued', 1) $$,
  'its steps may be claimed again, their attempt counts');
select is((select count(*) from pg_temp.queued('test_queue')), 2::bigint, 'each has a message');
select is_empty('select from tasker.claims', 'the claim is gone');
select results_eq('select attempt::integer, worker, error ->> ''type'', to_state::text from '
  'tasker.step_failures',
  $$ values (1, 'slow', 'LeaseExpired', 'enqueued'), (1, 'slow', 'LeaseExpired', 'enqueued') $$,
  'the lost attempts are failures');
select is((select distinct actor || ': ' || reason from tasker.step_transitions
            where task_uuid = :'task' and from_state = 'in_progress'),
            'sweep: lease of slow expired', 'history says why');
select is(pg_temp.swept('claims_taken_back'), 0, 'once');
select throws_ok(format('select from tasker.complete_step(%L, %L)', :'a', :'token'), 'TK001', null,
  'its worker is fenced off');
select is(pg_temp.run_all(), 2, 'another one does them');

select * from finish();
rollback;
