begin;
\ir ../fixtures.psql
select plan(3);

select pg_temp.a_template('pair', '{"a": [], "b": ["a"]}');
select pg_temp.a_task('pair', p_options => '{"initiator": "me", "reason": "why not"}') as task \gset
select pg_temp.a_task('pair') as other \gset
select pg_temp.later('1 second');
select pg_temp.a_claim() as token \gset
select from tasker.complete_step(pg_temp.step(:'task', 'a'), :'token');
select from tasker.resolve_step(pg_temp.step(:'task', 'b'), 'done elsewhere');

select results_eq(format('select at, step_uuid, name, from_state, to_state, actor, reason from '
  'tasker.step_transitions where task_uuid = %L order by transition_id, position', :'task'),
  format($$ values ('2030-01-01Z'::timestamptz, %1$L::uuid, 'a', 'pending', 'enqueued', 'me',
    'why not'),
                   ('2030-01-01 00:00:01Z', %1$L, 'a', 'enqueued', 'in_progress', 'w1', null),
                   ('2030-01-01 00:00:01Z', %1$L, 'a', 'in_progress', 'complete', 'w1', null),
                   ('2030-01-01 00:00:01Z', %2$L, 'b', 'pending', 'enqueued', 'w1', null),
                   ('2030-01-01 00:00:01Z', %2$L, 'b', 'enqueued', 'resolved_manually', %3$L,
                     'done elsewhere') $$,
         pg_temp.step(:'task', 'a'), pg_temp.step(:'task', 'b'), session_user),
         'who, when and why');
select results_eq('select distinct session_role = session_user, application = '
  'current_setting(''application_name'') from tasker.step_transitions',
  'values (true, true)', 'from where');
select is((select count(*) from tasker.step_transitions), 6::bigint, 'of both tasks');

select * from finish();
rollback;
