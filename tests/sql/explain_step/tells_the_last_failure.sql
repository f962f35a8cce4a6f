begin;
\ir ../fixtures.psql
select plan(3);
select pg_temp.a_template('t', '{"a": []}',
  '{"backoff_base_ms": 20000, "jitter": false, "max_attempts": 3}');
select pg_temp.a_task('t') as task \gset
select pg_temp.step(:'task', 'a') as a \gset
create function pg_temp.fails (p_error text) returns void language sql as $$
select from tasker.claim_steps('test', 'w1') as step,
tasker.fail_step(step.step_uuid, step.token, to_jsonb(p_error));
$$;
create function pg_temp.said (p_step uuid) returns text[] language sql as $$
select array_agg(format('%s (%s)', code, reason) order by rank) from tasker.explain_step(p_step)
$$;

select pg_temp.fails('first');
select pg_temp.later('1 minute');
select from tasker.sweep();
select pg_temp.fails('second');
select alike(pg_temp.said(:'a')::text, '%retry_scheduled (attempt 2 of 3 failed: second; %',
  'before a retry');
select pg_temp.later('1 minute');
select alike(pg_temp.said(:'a')::text, '{"due (%}', 'nothing else when it is due');
select from tasker.sweep();
select pg_temp.fails('third');
select is(pg_temp.said(:'a'), array['failed (attempt 3 of 3 failed: third)'], 'after the last one');

select * from finish();
rollback;
