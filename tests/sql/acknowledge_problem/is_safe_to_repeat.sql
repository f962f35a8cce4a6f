begin;
\ir ../fixtures.psql
select plan(7);
prepare acknowledge as select * from tasker.acknowledge_problem('dead_letters', 'template test/t',
  'a known bug');
create function pg_temp.written () returns text language sql as $$
select concat_ws(' ', count(*), (select acknowledged_at from tasker.acknowledgements))
  from tasker.operator_actions where verb = 'acknowledge_problem';
$$;
create function pg_temp.fails () returns void language sql as $$
select pg_temp.a_task('t');
select from tasker.claim_steps('test', 'w1') as held
 cross join lateral tasker.fail_step(held.step_uuid, held.token, '"broken"');
$$;
select pg_temp.a_template('t', '{"a": []}', '{"max_attempts": 1}');
select pg_temp.fails();
select pg_temp.later('1 minute');

execute acknowledge;
select pg_temp.written() as first \gset
select pg_temp.later('1 minute');
select results_eq('acknowledge', $$ values ('dead_letters', 'template test/t', 'warning',
  null::timestamptz) $$, 'a repeated call has the same answer');
select is(pg_temp.written(), :'first', 'and writes nothing');

select from tasker.acknowledge_problem('dead_letters', 'template test/t', 'another reason');
select isnt(pg_temp.written(), :'first', 'another reason is written down');
select from tasker.acknowledge_problem('dead_letters', 'template test/t', 'another reason',
  tasker._now() + '1 hour');
select is(split_part(pg_temp.written(), ' ', 1), '3', 'and so is another time');

-- What began again is another problem.
execute acknowledge;
select pg_temp.later('1 minute');
select from tasker.failed_steps as failed cross join lateral
  tasker.retry_step(failed.step_uuid, 'once more');
select from tasker.claim_steps('test', 'w1') as held
 cross join lateral tasker.fail_step(held.step_uuid, held.token, '"broken"');
select is((select acknowledged_by from tasker.problems where code = 'dead_letters'), null,
  'it failed again');
execute acknowledge;
select is(split_part(pg_temp.written(), ' ', 1), '5', 'the same words, of the new failure');
select isnt((select acknowledged_by from tasker.problems where code = 'dead_letters'), null,
  'which is known then');

select * from finish();
rollback;
