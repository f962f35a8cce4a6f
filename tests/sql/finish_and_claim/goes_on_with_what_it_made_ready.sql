begin;
\ir ../fixtures.psql
select plan(12);
select pg_temp.a_template('chain', '{"a": [], "b": ["a"], "c": ["b"], "d": ["c"]}');
select pg_temp.a_template('one', '{"only": []}');
create temp table held (token uuid, step uuid);
create function pg_temp.step_on (p_limit integer default 1) returns text language plpgsql as $$
declare
  v_name text;
begin
  with next as (
    select next.* from (select (select token from held limit 1),
                               coalesce((select jsonb_agg(pg_temp.outcome(step)) from held), '[]'))
                        as old (token, done),
         lateral tasker.finish_and_claim('test', 'w1', old.token, old.done, p_limit) as next),
  gone as (delete from held),
  kept as (insert into held select token, step_uuid from next)
  select string_agg(name, ',' order by name) into v_name from next;
  return v_name;
end $$;

select pg_temp.a_task('chain');
select is(pg_temp.step_on(), 'a', 'a worker takes the first step');
select pg_temp.a_task('one');
select max(msg_id) as before from pgmq.q_test_queue \gset
select is(pg_temp.step_on(), 'b', 'and goes on with what it made ready');
select is((select count(*) from pg_temp.queued('test_queue')), 1::bigint,
  'which never was in the queue');
select is((select last_value from pgmq.q_test_queue_msg_id_seq), :before::bigint,
  'not for a moment');

-- Not for long: then the oldest comes first again.
select pg_temp.later('600 ms');
select is(pg_temp.step_on(), 'only', 'half a second later what waits comes first');
select is(pg_temp.step_on(), 'c', 'and then the chain');

-- What is of high priority waits no longer than that, either.
select pg_temp.a_task('one', p_options => '{"priority": "high"}');
select pg_temp.later('600 ms');
select is(pg_temp.step_on(2), 'd,only', 'a high one comes along');
select is(pg_temp.step_on(2), null, 'all is done');

-- Nothing is kept while anything is paused, and only as much as was asked for.
select pg_temp.a_template('fan', '{"a": [], "b": ["a"], "c": ["a"], "d": ["a"]}');
select pg_temp.a_task('fan');
select is(pg_temp.step_on(), 'a', 'a fan');
select is(pg_temp.step_on(2), 'b,c', 'two of its three steps');
select is((select count(*) from pg_temp.queued('test_queue')), 1::bigint,
  'the third is in the queue');
select is_empty('select from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
