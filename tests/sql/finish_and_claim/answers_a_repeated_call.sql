begin;
\ir ../fixtures.psql
select plan(17);
select pg_temp.a_template('chain', '{"a": [], "b": ["a"], "c": ["b"]}',
  '{"backoff_base_ms": 60000, "jitter": false}');
select from tasker.create_tasks('test', 'chain', array_fill('{}'::jsonb, array[3]));
create temp table mine as select step_uuid, token,
  row_number() over (order by tasker._step_id(step_uuid)) as n
   from tasker.claim_steps('test', 'w1', 3);
select format('select step_uuid, task_uuid, attempt, token, lease_until, context, '
  'dependency_results, deadline from tasker.finish_and_claim(''test'', ''w1'', %L, %L, 5)', token,
  jsonb_agg(jsonb_build_object('step_uuid', step_uuid, case n when 2 then 'error' else 'result' end,
    n))) as call from mine group by token \gset

create temp table answer as :call;
select is((select count(*) from answer), 2::bigint,
  'two done, one failed; two children are claimed');
select results_eq(:'call', 'table answer',
  'repeated after a lost reply, the same steps under the same token');
select pg_temp.later('1 second');
select results_eq(:'call', 'table answer', 'as often as one likes');
select is((select count(*) from tasker.claims), 1::bigint, 'there is one claim');
select is((select count(*) from tasker.step_failures), 1::bigint, 'one failure');
select is((select max(attempt) from tasker.steps), 1::smallint, 'and no attempt too many');
select is_empty($$ select pg_temp.queued('test_queue') $$, 'and nothing in the queue');

select is(pg_temp.refusal(replace(:'call', (select max(token::text) from mine),
  (select max(token::text) from answer))),
  (select format('TK001: %s',
    string_agg(format('%s is %s, attempt 1', step_uuid, case n when 2 then 'waiting_for_retry'
      else 'complete' end), '; ' order by n)) from mine),
      'under another token it is not a repetition');
select is(pg_temp.refusal(format('select * from tasker.finish_and_claim(''test'', ''w1'', %L, %L)',
  (select max(token::text) from answer),
  (select jsonb_build_array(jsonb_build_object('step_uuid', step_uuid, 'error', 1)) from mine
    where n = 2))),
  (select format('TK001: %s is waiting_for_retry, attempt 1', step_uuid) from mine where n = 2),
  'nor is the failure alone');
select is(pg_temp.refusal(format('select * from tasker.finish_and_claim(''test'', ''w1'', %L, %L)',
  (select max(token::text) from answer),
  (select pg_temp.outcomes(pg_temp.outcome(step_uuid)) from mine where n = 1))),
  (select format('TK001: %s is complete, attempt 1', step_uuid) from mine where n = 1),
  'nor a completion alone');

-- What was reported since is not handed out again, what was lost is not either.
select from answer as a, lateral tasker.complete_step(a.step_uuid, a.token)
 where a.step_uuid = (select step_uuid from answer order by tasker._step_id(step_uuid) limit 1);
select results_eq(:'call', 'select * from answer order by tasker._step_id(step_uuid) desc limit 1',
  'only what is still to do');
select from tasker.cancel_task((select task_uuid from answer
  order by tasker._step_id(step_uuid) desc limit 1), 'not wanted');
select is_empty(:'call', 'not what was cancelled since');
select pg_temp.later('31 seconds');
select from tasker.sweep();
select is_empty(:'call', 'nothing when the lease was lost meanwhile');

-- A first call that got nothing gets nothing again.
select from pgmq.purge_queue('test_queue');
select pg_temp.a_task() as task \gset
select pg_temp.a_claim(1) as token \gset
select format('select * from tasker.finish_and_claim(''test'', ''w1'', %L, %L, 5)', :'token',
  pg_temp.outcomes(pg_temp.outcome(pg_temp.step(:'task', 'only')))) as call \gset
select is_empty(:'call', 'nothing to do');
select pg_temp.a_task();
select is_empty(:'call', 'and again nothing, though there is work now');
select is((select count(*) from pg_temp.queued('test_queue')), 1::bigint,
  'which waits for the next call');

select is(pg_temp.refusal(replace(:'call', '"step_uuid"', '"error": 1, "step_uuid"')),
  format('TK001: %s is complete, attempt 1', pg_temp.step(:'task', 'only')),
  'another outcome for the same step is not a repetition');

select * from finish();
rollback;
