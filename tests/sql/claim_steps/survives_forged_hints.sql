begin;
\ir ../fixtures.psql
select plan(14);
-- Sessions may set what they like: hints save work, and decide nothing.
select pg_temp.a_template('t', '{"a": []}');
create function pg_temp.now_ms () returns bigint language sql as $$ select (extract(epoch from tasker._now()) * 1000)::bigint $$;
create function pg_temp.claimed_under (p_hint text) returns bigint language sql as $$
select tasker.create_task('test', 't');
select set_config('tasker.hint_test_queue' || suffix, p_hint, false) from unnest(array['', '_high', '_low']) as suffix;
select count(*) from tasker.claim_steps('test', 'w1')
$$;
select is(pg_temp.claimed_under(hint), 1::bigint, hint)
  from unnest(array['', ' ', 'x', 'x y z', '1', '1 2', '-1 -1 -1', '1e300 1e300 t', '999999999999999999999 9999999999999999999999 t', '0 0 maybe',
                    format('999999999999999999 %s t', pg_temp.now_ms()), format('0 %s t', pg_temp.now_ms())]) as hint;

-- A message that is seen late stands before others that were seen: it waits for half a second at most.
create temp table task as select i, pg_temp.step(pg_temp.a_task('t'), 'a') as step from generate_series(1, 3) as i;
select set_config('tasker.hint_test_queue', format('%s %s f', (select min(msg_id) from pgmq.q_test_queue), pg_temp.now_ms()), false);
select is((select i from tasker.claim_steps('test', 'w1') as claimed join task on task.step = claimed.step_uuid), 2, 'the session believes that the first is no more');
select pg_temp.later('600 ms');
select is((select i from tasker.claim_steps('test', 'w1') as claimed join task on task.step = claimed.step_uuid), 1, 'not for long');

select * from finish();
rollback;
