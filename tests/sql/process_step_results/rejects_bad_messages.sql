begin;
\ir ../fixtures.psql
select plan(8);
select pg_temp.a_task() as task \gset
select pg_temp.step(:'task', 'only') as step \gset
select pg_temp.a_claim() as token \gset

create temp table sent as
select msg_id, position, message::jsonb, code from (values
    (1, null, '22023'), (2, '{}', '22023'), (3, '[]', '22023'), (4, '5', '22023'),
    (5, '{"submission_id": null}', '22023'), (6, '{"submission_id": "x"}', '22023'),
    (7, '{"submission_id": 1.5}', '22023'), (8, '{"submission_id": -1}', '22023'),
    (9, '{"submission_id": 1e300}', '22023'), (10, '{"token": "x", "outcomes": []}', '22P02'),
    (11, '{"token": null, "outcomes": [{"step_uuid": "00000000-0000-7000-8fff-fffffff00001"}]}',
      '22023'),
    (12, format('{"token": "%s", "outcomes": [{"step_uuid": "%s"}]}', gen_random_uuid(), :'step'),
      'TK001'),
    (13, format('{"token": "%s", "outcomes": [{"step_uuid": "%s"}]}', :'token', gen_random_uuid()),
      'TK002'),
    (14, format('{"token": "%s", "outcomes": [{"step_uuid": "%s", "surprise": 1}]}', :'token',
      :'step'), '22023'),
    (15, '"submission_id"', '22023'), (16, '["submission_id"]', '22023')
  ) as wrong (position, message, code),
    lateral pgmq.send('orchestration_step_results', message::jsonb) as msg_id;
select from pgmq.send('orchestration_step_results',
  jsonb_build_object('token', :'token', 'outcomes', pg_temp.outcomes(pg_temp.outcome(:'step'))));

select is((select count(*) from tasker.process_step_results(50) where error is not null),
  16::bigint, 'all bad ones are named');
select results_eq('select position, rejected.code from sent left join tasker.rejected_messages as '
  'rejected using (msg_id) order by 1',
  'select position, code from sent order by 1', 'and kept with the reason');
select is((select count(*) from tasker.rejected_messages join sent using (msg_id)
  where rejected_messages.message is not distinct from sent.message
             and queue_name = 'orchestration_step_results' and rejected_at = tasker._now()
             and error <> ''), 16::bigint, 'as they were');
select is(pg_temp.step_state(:'step'), 'complete', 'they stop nothing');

-- A submission that is not there (any more) was applied before: no error.
select from tasker.process_step_results();
select from pgmq.send('orchestration_step_results', '{"submission_id": 4711}');
select results_eq('select completed, failed, error from tasker.process_step_results()',
  $$ values (0, 0, null::text) $$, 'an unknown submission is old news');

-- What is not the message's fault stays in the queue.
create function pg_temp.deadlock () returns trigger language plpgsql
 as $$ begin raise exception 'deadlock' using errcode = '40P01'; end $$;
select pg_temp.a_task() as task \gset
select pg_temp.a_claim() as token \gset
select from tasker.submit_step_results(:'token',
  pg_temp.outcomes(pg_temp.outcome(pg_temp.step(:'task', 'only'))));
create trigger deadlock before update on tasker.steps
 for each row execute function pg_temp.deadlock();
select throws_ok('select * from tasker.process_step_results()', '40P01', null,
  'a deadlock is raised');
drop trigger deadlock on tasker.steps;
select is((select count(*) from pgmq.q_orchestration_step_results), 1::bigint, 'the message stays');
select results_eq('select completed from tasker.process_step_results()', array[1],
  'and is applied later');

select * from finish();
rollback;
