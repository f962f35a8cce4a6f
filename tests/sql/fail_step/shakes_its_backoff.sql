begin;
\ir ../fixtures.psql
select plan(5);
select pg_temp.a_template('t', '{"a": []}',
  '{"backoff": "linear", "backoff_base_ms": 10000, "jitter": true}');
select from tasker.create_tasks('test', 't', array_fill('{}'::jsonb, array[200]));
select setseed(0.5);
create temp table wait as
select extract(epoch from failed.next_retry_at - tasker._now()) as seconds
  from tasker.claim_steps('test', 'w1', 200) as claimed,
    lateral tasker.fail_step(claimed.step_uuid, claimed.token, '"boom"') as failed;

select is((select count(*) from wait), 200::bigint, 'two hundred failures');
select cmp_ok((select min(seconds) from wait), '>=', 5.0,
  'none waits less than half of its backoff');
select cmp_ok((select max(seconds) from wait), '<=', 10.0, 'none waits longer');
select cmp_ok((select max(seconds) - min(seconds) from wait), '>', 4.5,
  'they are spread over the whole of it');
select cmp_ok((select count(distinct seconds) from wait), '>', 190::bigint, 'evenly');

select * from finish();
rollback;
