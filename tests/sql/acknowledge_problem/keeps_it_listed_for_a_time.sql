begin;
\ir ../fixtures.psql
select plan(6);
prepare listed as select code, acknowledged_by is not null, acknowledged_reason, acknowledged_until
  from tasker.problems;
select pg_temp.a_template('t', '{"a": []}', '{"max_attempts": 1}');
create function pg_temp.fails () returns void language sql as $$
select pg_temp.a_task('t');
select from tasker.claim_steps('test', 'w1') as held
 cross join lateral tasker.fail_step(held.step_uuid, held.token, '"broken"');
$$;
select pg_temp.fails();
select pg_temp.later('1 minute');
select from tasker.create_namespace('other');
select from tasker.pause_namespace('other', 'a release');
select pg_temp.later('2 hours');
select results_eq('listed', $$ values ('paused', false, null, null::timestamptz),
  ('dead_letters', false, null, null) $$, 'the newest first');
select results_eq('select * from tasker.acknowledge_problem(''paused'', ''namespace other'', '
  '''it ends at noon'', tasker._now() + ''4 hours'')',
  $$ values ('paused', 'namespace other', 'warning', tasker._now() + '4 hours') $$,
  'somebody knows of it');
select results_eq('listed', $$ values ('dead_letters', false, null, null::timestamptz),
  ('paused', true, 'it ends at noon', tasker._now() + '4 hours') $$, 'marked and last');
select is((select acknowledged_by from tasker.problems where code = 'paused'),
  session_user::text, 'and by whom');
select results_eq('select verb, subject, reason from tasker.operator_history where verb ~ ''ack''',
  $$ values ('acknowledge_problem', 'paused of namespace other', 'it ends at noon') $$,
  'it is written down');
select pg_temp.later('4 hours');
select is((select acknowledged_by from tasker.problems where code = 'paused'), null,
  'until its time is over');

select * from finish();
rollback;
