begin;
\ir ../fixtures.psql
select plan(3);

select pg_temp.a_template('two', '{"a": [], "b": []}');
select pg_temp.a_task('two', p_options => '{"initiator": "me"}') as task \gset
select pg_temp.later('1 second');
select pg_temp.a_claim(2) as token \gset
select pg_temp.later('1 second');
select from tasker.finish_and_claim('test', 'w1', :'token',
  (select jsonb_agg(jsonb_build_object('step_uuid', pg_temp.step(:'task', name), 'error', 'no',
    'retryable', false))
                                                              from unnest(array['a', 'b'])
                        as name));

select results_eq(format('select at, name, from_state, to_state, actor from '
  'tasker.task_transitions where task_uuid = %L order by transition_id, position', :'task'),
  $$ values ('2030-01-01Z'::timestamptz, 'two', null, 'pending', 'me'),
    ('2030-01-01 00:00:01Z', 'two', 'pending', 'in_progress', 'w1'),
            ('2030-01-01 00:00:02Z', 'two', 'in_progress', 'blocked_by_failures', 'w1'),
            ('2030-01-01 00:00:02Z', 'two', 'blocked_by_failures', 'error', 'w1') $$,
  'in order, also within a call');
select pg_temp.later('3 hours');
select from tasker.resolve_task(:'task', 'done elsewhere');
select results_eq(format('select to_state, reason from tasker.task_transitions where task_uuid = '
  '%L order by transition_id desc, position desc limit 1', :'task'),
  $$ values ('resolved_manually', 'done elsewhere') $$, 'hours after its end');
select is((select count(*) from tasker.task_transitions), 5::bigint, 'five changes');

select * from finish();
rollback;
