begin;
\ir ../fixtures.psql
select plan(14);
create function pg_temp.attempts (p_task uuid, p_name text default 'a') returns text language sql
 as $$
select string_agg(concat_ws(' ', attempt, outcome, worker,
  extract(epoch from started_at - enqueued_at)::integer,
                            extract(epoch from ended_at - started_at)::integer,
                        error ->> 'message'), '; ' order by no)
  from tasker.step_attempts(pg_temp.step(p_task, p_name)) with ordinality as a (
         attempt, outcome, worker, enqueued_at, started_at, ended_at, error, retryable,
         next_retry_at, seconds, no)
$$;
select pg_temp.a_template('flow', '{"a": [], "b": ["a"]}',
  '{"max_attempts": 3, "backoff_base_ms": 8000, "jitter": false}');
select pg_temp.a_task('flow') as task \gset
select is(pg_temp.attempts(:'task'), null, 'none has begun');
select pg_temp.later('1 second');
select pg_temp.a_claim(1, 'w1') as token \gset
select pg_temp.later('2 seconds');
select is(pg_temp.attempts(:'task'), '1 running w1 1', 'its claim says who has it');
select from tasker.fail_step(pg_temp.step(:'task', 'a'), :'token', '"once"');
select is(pg_temp.attempts(:'task'), '1 failed w1 1 2 once', 'a failure has its error');
select results_eq(format('select retryable, next_retry_at - ended_at from tasker.step_attempts(%L)',
  pg_temp.step(:'task', 'a')),
  $$ values (true, interval '8 seconds') $$, 'and says when it goes on');
select pg_temp.later('8 seconds');
select from tasker.sweep();
select is(pg_temp.attempts(:'task'), '1 failed w1 1 2 once',
  'what waits in the queue is not an attempt');
select pg_temp.a_claim(1, 'w2') as token \gset
select from tasker.release_claim(:'token');
select is(pg_temp.attempts(:'task'), '1 failed w1 1 2 once', 'nor is one that was given back');
select pg_temp.a_claim(1, 'w3', '20 seconds') as token \gset
select pg_temp.later('30 seconds');
select from tasker.sweep();
select is(pg_temp.attempts(:'task'),
  '1 failed w1 1 2 once; 2 lost w3 0 30 worker w3 did not report before its lease ended',
  'a worker that died');
select pg_temp.a_claim(1, 'w4') as token \gset
select from tasker.fail_step(pg_temp.step(:'task', 'a'), :'token', '"for good"', false);
select from tasker.retry_step(pg_temp.step(:'task', 'a'), 'again');
select pg_temp.later('3 seconds');
select pg_temp.a_claim(1, 'w5') as token \gset
select pg_temp.later('4 seconds');
select from tasker.complete_step(pg_temp.step(:'task', 'a'), :'token');
select is((select count(*) from tasker.claims), 0::bigint, 'nobody holds anything');
select is(pg_temp.attempts(:'task'),
  '1 failed w1 1 2 once; 2 lost w3 0 30 worker w3 did not report before its lease ended; '
  '3 failed w4 0 0 for good; 1 complete w5 3 4', 'history says who did it, all from 1 again');

select pg_temp.a_claim(1, 'w6') as token \gset
select from tasker.submit_step_results(:'token', jsonb_build_array(
  pg_temp.outcome(pg_temp.step(:'task', 'b'), '1')));
select is(pg_temp.attempts(:'task', 'b'), '1 submitted w6 0', 'submitted, and not processed');
select from tasker.cancel_task(:'task', 'enough');
select is(pg_temp.attempts(:'task', 'b'), '1 cancelled w6 0 0', 'cut short');

select pg_temp.a_task() as task \gset
select from tasker.resolve_step(pg_temp.step(:'task', 'only'), 'by hand');
select is(pg_temp.attempts(:'task', 'only'), null, 'settled without an attempt');
select alike(pg_temp.refusal('select * from tasker.step_attempts(gen_random_uuid())'), 'TK002%',
  'no such step');
select alike(pg_temp.refusal('select * from tasker.step_attempts(null)'), '22023%', 'null');

select * from finish();
