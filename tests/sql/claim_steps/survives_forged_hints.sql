begin;
\ir ../fixtures.psql
select plan(16);
-- Sessions may set what they like: hints save work, and decide nothing.
select pg_temp.a_template('t', '{"a": []}');
create function pg_temp.now_ms () returns bigint language sql
 as $$ select (extract(epoch from tasker._now()) * 1000)::bigint $$;
create function pg_temp.claimed_under (p_hint text) returns bigint language sql as $$
select tasker.create_task('test', 't');
select set_config('tasker.hint_test', p_hint, false);
select count(*) from tasker.claim_steps('test', 'w1')
$$;
select is(pg_temp.claimed_under(hint), 1::bigint, hint)
  from unnest(array['', ' ', 'x', 'x y z', '1', '1 2 3 4 t t', '-1 -1 -1 -1 t t', '1e300 1 1 1 t t',
                    '999999999999999999999 9999999999999999999999 0 0 t t',
                    '0 0 0 0 maybe t',
                    format('%s %s', pg_temp.now_ms(), '999999999999999999 0 0 t f'),
                    format('%s %s', pg_temp.now_ms(), '0 999999999999999999 0 t t'),
                    format('%s %s', pg_temp.now_ms(), '0 0 0 t t'),
                    format('%s %s', pg_temp.now_ms(), '0 0 0 f f')]) as hint;

-- A message that is seen late stands before others that were seen: it waits for half a second at
-- most.
create temp table task as select i, pg_temp.step(pg_temp.a_task('t'), 'a') as step
 from generate_series(1, 3) as i;
select set_config('tasker.hint_test',
  format('%s 0 %s 0 t t', pg_temp.now_ms(), (select min(msg_id) from pgmq.q_test_queue)), false);
select is((select i from tasker.claim_steps('test', 'w1') as claimed join task
  on task.step = claimed.step_uuid), 2, 'the session believes that the first is no more');
select pg_temp.later('600 ms');
select is((select i from tasker.claim_steps('test', 'w1') as claimed join task
  on task.step = claimed.step_uuid), 1, 'not for long');

select * from finish();
rollback;
