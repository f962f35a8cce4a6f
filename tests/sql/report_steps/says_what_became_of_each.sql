begin;
\ir ../fixtures.psql
select plan(18);
select pg_temp.a_template('t', '{"a": [], "b": ["a"]}',
  '{"max_attempts": 2, "backoff_base_ms": 1000, "jitter": false}');
create temp table made as
select name, (select task_uuid from tasker.create_task('test', 't', jsonb_build_object('n', name)))
 as task
  from unnest('{done,failed,large,deep,cancelled,settled,taken,stays}'::text[]) as name;
select pg_temp.a_claim(8) as token \gset
create function pg_temp.one (p_name text) returns uuid language sql
 as $$ select pg_temp.step(task, 'a') from made where name = p_name $$;
create function pg_temp.report (p_name text, p_more jsonb default '{}') returns jsonb language sql
 as $$
select jsonb_build_object('step_uuid', coalesce(pg_temp.one(p_name)::text, p_name)) || p_more
$$;
select cancel.* from made, tasker.cancel_task(task, 'not wanted') as cancel where name = 'cancelled'
  \gset cancel_
select from tasker.resolve_step(pg_temp.one('settled'), 'by hand');
select from tasker.requeue_step(pg_temp.one('taken'), 'it hangs');

select jsonb_build_array(
         pg_temp.report('large', jsonb_build_object('result', repeat('x', 1100000))),
         pg_temp.report('done', '{"result": {"n": 1}}'),
         pg_temp.report('cancelled', '{"result": 1}'),
         pg_temp.report('failed', '{"error": "no", "retry_after_seconds": 7}'),
         pg_temp.report('settled'), pg_temp.report('taken'),
         pg_temp.report('01a20703-dd95-78db-8fff-fffffff00001', '{"error": "who"}'),
         pg_temp.report('deep',
           jsonb_build_object('result', (repeat('[', 200) || repeat(']', 200))::jsonb))) as outcomes
           \gset
prepare report as select coalesce((select name from made where pg_temp.step(task, 'a') = step_uuid),
  'unknown'),
    outcome, code, message, step_state, task_state, next_retry_at - tasker._now()
  from tasker.report_steps(:'token', :'outcomes');
select results_eq('report', $$ values
  ('large', 'refused', 'TK006',
    'the result is too large, or too deep: limits result_bytes and json_depth', 'in_progress',
    'in_progress', null::interval),
  ('done', 'applied', null, null, 'complete', 'in_progress', null),
  ('cancelled', 'refused', 'TK001', 'stale claim: the token does not hold the step: cancelled',
    'cancelled', 'cancelled', null),
  ('failed', 'applied', null, null, 'waiting_for_retry', 'in_progress', '7 seconds'),
  ('settled', 'refused', 'TK001', 'stale claim: the token does not hold the step: settled',
    'resolved_manually', 'in_progress', null),
  ('taken', 'refused', 'TK001', 'stale claim: the token does not hold the step: settled',
    'enqueued', 'in_progress', null),
  ('unknown', 'refused', 'TK002', 'step not found', null, null, null),
  ('deep', 'refused', 'TK006',
    'the result is too large, or too deep: limits result_bytes and json_depth', 'in_progress',
    'in_progress', null) $$,
  'a refused one refuses only itself, in the order of the call');
select results_eq($$ select name from made where pg_temp.step(task, 'a') = any (
    select tasker._step_uuid(task.task_uuid, id) from tasker.claims, unnest(step_ids) as id
      join tasker.tasks as task on task.task_id = id >> 20) order by 1 $$,
      array['deep', 'large', 'stays'], 'what was refused or not named stays claimed');
select is((select count(*) from tasker.claims), 1::bigint, 'nothing is claimed');
select is((select result from tasker.steps where step_id = tasker._step_id(pg_temp.one('done'))),
  '{"n": 1}', 'the result is kept');
select is((select count(*) from tasker.transitions
  where 'step in_progress -> complete' = any (changes)), 1::bigint,
  'all that was applied is one row of history');
select results_eq('select cause, worker from tasker.late_writes order by step_uuid',
  $$ select 'taken over', 'w1' from generate_series(1, 3) $$, 'what came too late is counted');

-- The same again: nothing is done twice.
select count(*) as rows from tasker.transitions \gset
select results_eq(format($$ select outcome, code, step_state, next_retry_at - tasker._now()
  from tasker.report_steps(%L, %L) $$, :'token', :'outcomes'),
  $$ values ('refused', 'TK006', 'in_progress', null::interval),
    ('repeated', null, 'complete', null), ('refused', 'TK001', 'cancelled', null),
    ('repeated', null, 'waiting_for_retry', '7 seconds'),
            ('refused', 'TK001', 'resolved_manually', null), ('refused', 'TK001', 'enqueued', null),
            ('refused', 'TK002', null, null), ('refused', 'TK006', 'in_progress', null) $$,
            'a repeated call');
select is((select count(*) from tasker.transitions), :rows::bigint, 'changes nothing');
select is((select count(*) from tasker.refused_writes), 3::bigint, 'and counts nothing twice');

-- What is said otherwise than before is not a repetition.
select results_eq(format('select outcome, message from tasker.report_steps(%L, %L)', :'token',
    jsonb_build_array(pg_temp.report('done', '{"error": "after all"}'),
      pg_temp.report('failed', '{"result": 1}'))),
  $$ select 'refused', 'stale claim: the token does not hold the step: finished'
    from generate_series(1, 2) $$, 'a failure after a success, and the reverse');

-- When the claim is gone.
select pg_temp.later('31 seconds');
select from tasker.sweep();
select results_eq(format('select outcome, message, step_state from tasker.report_steps(%L, %L)',
  :'token', jsonb_build_array(pg_temp.report('stays'), pg_temp.report('done'))),
  $$ values ('refused', 'stale claim: the token does not hold the step: lease_expired', 'enqueued'),
    ('repeated', null, 'complete') $$, 'what was lost is refused, what was reported is not');
select results_eq($$ select cause from tasker.refused_writes
  where step_id = tasker._step_id(pg_temp.one('stays')) $$, array['lease expired'], 'and counted');
select results_eq(format('select outcome, message from tasker.report_steps(gen_random_uuid(), %L)',
  jsonb_build_array(pg_temp.report('stays'))),
  $$ values ('refused', 'stale claim: the token does not hold the step: unknown') $$,
  'a forged token holds nothing');
select is_empty(format('select from tasker.report_steps(%L, ''[]'')', :'token'),
  'nothing to report');

-- The last step ends its task.
select pg_temp.a_task() as task \gset
select from tasker.release_claim(pg_temp.a_claim(20));
select step_uuid as only, token as last from tasker.claim_steps('test', 'w', 20)
 where task_uuid = :'task' \gset
select results_eq(format('select outcome, step_state, task_state from tasker.report_steps(%L, %L)',
  :'last', jsonb_build_array(pg_temp.report(:'only'))),
  $$ values ('applied', 'complete', 'complete') $$, 'the last step ends its task');
select results_eq(format('select outcome, step_state, task_state from tasker.report_steps(%L, %L)',
  :'last', jsonb_build_array(pg_temp.report(:'only'))),
  $$ values ('repeated', 'complete', 'complete') $$, 'again');
select is((select count(*) from tasker.check_invariants() where severity = 'safety'), 0::bigint,
  'all is well');
select is(pg_temp.step_state(pg_temp.one('stays')), 'in_progress',
  'somebody else has what was lost');

select * from finish();
rollback;
