begin;
\ir ../fixtures.psql
select plan(4);
-- 21 causes and more: one has failed, one is tried again, 18 run, the others are in the queue.
select pg_temp.a_template('wide',
  (select jsonb_object_agg(format('p%s', to_char(n, 'FM00')), '[]'::jsonb)
    from generate_series(1, 30) as n)
  || jsonb_build_object('join',
    (select jsonb_agg(format('p%s', to_char(n, 'FM00'))) from generate_series(1, 30) as n)),
  '{"max_attempts": 2, "backoff_base_ms": 60000, "jitter": false}');
select pg_temp.a_task('wide') as task \gset
select pg_temp.step(:'task', 'join') as last \gset
create function pg_temp.shown (p_step uuid) returns table (cause text, code text) language sql as $$
select substring(reason from 'waits for (p\d\d)'), count(*)::text from tasker.explain_step(p_step)
where reason like 'waits for p%' group by 1 order by 1
$$;
create temp table held as select name, step_uuid, token from tasker.claim_steps('test', 'w1', 30);
select from held, tasker.release_claim(held.token) where held.name = 'p01';
select pg_temp.later('1 second');
create temp table again as select name, step_uuid, token from tasker.claim_steps('test', 'w1', 30);
select from again, tasker.fail_step(step_uuid, token, '"no"', false) where name = 'p30';
select from again, tasker.fail_step(step_uuid, token, '"no"', true) where name = 'p29';
select ok((select array_agg(cause) @> '{p29,p30}' and count(*) = 20 from pg_temp.shown(:'last')),
  'what failed, and what is tried again, are among the 20');

-- Some go back into the queue: those that run are named before.
update tasker.steps set state = 'enqueued',
  claim_token = null where step_id between tasker._step_id(pg_temp.step(:'task', 'p01'))
   and tasker._step_id(pg_temp.step(:'task', 'p10'));
select is((select array_agg(cause) from pg_temp.shown(:'last')),
  (select array_agg('p' || n) from generate_series(11, 30) as n), 'those in the queue come last');

-- Of a cause, what blocks it is named; the queue blocks nothing.
select pg_temp.a_template('pair', '{"a": [], "b": ["a"], "c": ["b"]}');
select pg_temp.a_task('pair') as pair \gset
select from tasker.pause_task(:'pair', 'wait');
select results_eq(format('select code, reason like ''%%its task was paused by %%'', reason like '
  '''waits for a, further up: %%'' from tasker.explain_step(%L)', pg_temp.step(:'pair', 'c')),
  $$ values ('waits_for_step', true, true), ('task_paused', true, false) $$, 'the pause');
select is((select count(*) from tasker.explain_step(pg_temp.step(:'pair', 'c'))), 2::bigint,
  'and nothing else');

select * from finish();
rollback;
