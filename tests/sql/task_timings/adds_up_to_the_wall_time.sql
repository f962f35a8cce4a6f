begin;
\ir ../fixtures.psql
select plan(11);
create function pg_temp.timings (p_task uuid, p_name text) returns text language sql as $$
select concat_ws(' ', 'waiting' || nullif(epoch[1], 0), 'queued' || nullif(epoch[2], 0),
  'backing_off' || nullif(epoch[3], 0),
                 'running' || nullif(epoch[4], 0), 'lost' || nullif(epoch[5], 0),
                 'failed' || nullif(epoch[6], 0),
                 'afterwards' || nullif(epoch[7], 0), 'finalizing' || nullif(epoch[8], 0))
  from tasker.task_timings(p_task) as b
 cross join lateral (select array_agg(extract(epoch from t)::integer) as epoch
                       from unnest(array[waiting, queued, backing_off, running, lost, failed,
                        afterwards, finalizing]) as t) as e
 where b.name = p_name
$$;

select pg_temp.a_template('flow', '{"a": [], "b": ["a"], "c": []}',
  '{"max_attempts": 3, "backoff_base_ms": 8000, "jitter": false}',
  '{"finalization": "external"}');
select pg_temp.a_task('flow') as task \gset
select pg_temp.later('1 second');
select pg_temp.a_claim(1, 'w1') as token \gset
select pg_temp.later('2 seconds');
select from tasker.fail_step(pg_temp.step(:'task', 'a'), :'token', '"once"');
select is(pg_temp.timings(:'task', 'a'), 'queued1 running2', 'an attempt');
select pg_temp.later('5 seconds');
select is(pg_temp.timings(:'task', 'a'), 'queued1 backing_off5 running2',
  'it waits for the next one');
select pg_temp.later('5 seconds');
select from tasker.sweep();
select is(pg_temp.timings(:'task', 'a'), 'queued3 backing_off8 running2',
  'its backoff, and until somebody sweeps');
select pg_temp.later('4 seconds');
select pg_temp.a_claim(9, 'w2', '20 seconds') as token \gset
select pg_temp.later('30 seconds');
select from tasker.sweep();
select is(pg_temp.timings(:'task', 'a'), 'queued7 backing_off8 running2 lost30',
  'a worker that died');
select pg_temp.later('16 seconds');
select pg_temp.a_claim(9, 'w3') as token \gset
select from tasker.complete_step(pg_temp.step(:'task', 'c'), :'token');
select pg_temp.later('20 seconds');
select from tasker.fail_step(pg_temp.step(:'task', 'a'), :'token', '"for good"', false);
select pg_temp.later('100 seconds');
select is(pg_temp.timings(:'task', 'a'), 'queued23 backing_off8 running22 lost30',
  'its task has ended');
select is(pg_temp.timings(:'task', 'b'), 'waiting83', 'its child waited until then');
select from tasker.retry_step(pg_temp.step(:'task', 'a'), 'again');
select pg_temp.later('1 second');
select pg_temp.a_claim() as token \gset
select pg_temp.later('5 seconds');
select from tasker.release_claim(:'token');
select pg_temp.a_claim() as token \gset
select pg_temp.later('7 seconds');
select from tasker.complete_step(pg_temp.step(:'task', 'a'), :'token');
select pg_temp.later('3 seconds');
select from tasker.resolve_step(pg_temp.step(:'task', 'b'), 'by hand');
select pg_temp.later('50 seconds');
select from tasker.finalize_task(:'task');
select pg_temp.later('1 hour');
select is(pg_temp.timings(:'task', 'a'),
  'queued23 backing_off8 running29 lost30 failed106 afterwards3 finalizing50',
  'it goes on; what is held and given back changes nothing');
select is(pg_temp.timings(:'task', 'b'), 'waiting196 queued3 finalizing50', 'settled in the queue');
select is(pg_temp.timings(:'task', 'c'), 'queued33 lost30 afterwards136 finalizing50',
  'done long before');
select results_eq('select distinct wall_time, waiting + queued + backing_off + running + lost + '
  'failed + afterwards + finalizing from '
  || format('tasker.task_timings(%L)', :'task'),
  $$ values (interval '249 seconds', interval '249 seconds') $$, 'everything is counted');
select alike(pg_temp.refusal('select * from tasker.task_timings(gen_random_uuid())'), 'TK002%',
  'no such task');

select * from finish();
rollback;
