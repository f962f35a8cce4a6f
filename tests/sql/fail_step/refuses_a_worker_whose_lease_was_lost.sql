begin;
\ir ../fixtures.psql
select plan(5);

select pg_temp.a_template('fragile', '{"only": []}', '{"max_attempts": 2}');
select pg_temp.a_task('fragile') as task \gset
select pg_temp.step(:'task', 'only') as step \gset

select pg_temp.a_claim() as first \gset
select pg_temp.later('31 seconds'); select * from tasker.sweep() \g /dev/null
select throws_ok(format($$ select * from tasker.fail_step(%L, %L, '"late"') $$, :'step', :'first'),
  'TK001', null,
  'a lease that was taken back with attempts left');
select throws_ok(format($$ select *
  from tasker.finish_and_claim('test', 'w1', %L, '[{"step_uuid": "%s", "error": "late"}]') $$,
  :'first', :'step'), 'TK001', null, 'the same in a batch');

select pg_temp.a_claim() as last \gset
select pg_temp.later('31 seconds'); select * from tasker.sweep() \g /dev/null
select is(pg_temp.step_state(:'step'), 'error', 'the last lease ran out, too');
select throws_ok(format($$ select * from tasker.fail_step(%L, %L, '"late"') $$, :'step', :'last'),
  'TK001', null,
  'a lease that was taken back with no attempts left');
select is((select count(*)::integer from tasker.step_failures where lost), 2,
  'both attempts are written down as lost');

select * from finish();
rollback;
