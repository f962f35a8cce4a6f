begin;
\ir ../fixtures.psql
select plan(15);
create function pg_temp.applied (p_verb text, p_filter jsonb, p_result jsonb default null)
 returns text language sql as $$
select concat_ws(' ', done.applied, done.refused, done.remaining, done.last_refusal)
  from tasker.plan_repair(p_verb, p_filter, 1, p_result) as plan,
  tasker.apply_repair(plan.plan_uuid, 'all of them') as done
$$;
create function pg_temp.paused () returns text language sql as $$
select concat_ws(', ',
  (select string_agg(name, ' ') from tasker.namespaces where pause_reason = 'all of them'),
                 (select string_agg(name || ' ' || version, ' ' order by version)
                   from tasker.task_templates where pause_reason = 'all of them'))
$$;
select pg_temp.a_template('nightly', '{"a": []}', '{"max_attempts": 1}');
select pg_temp.a_template('nightly', '{"a": []}', '{"max_attempts": 1}', '{"version": "1.1.0"}');
select pg_temp.a_task('nightly') as one \gset
select pg_temp.a_task('nightly') as two \gset
select pg_temp.a_claim(1, 'hung');
select pg_temp.a_claim(1, 'other') as token \gset

select is(pg_temp.applied('requeue_step', '{"worker": "hung"}'), '1 0 0', 'a step is taken back');
select is(pg_temp.step_state(pg_temp.step(:'one', 'a')), 'enqueued', 'that one');
select is(pg_temp.step_state(pg_temp.step(:'two', 'a')), 'in_progress',
  'not that of another worker');
select from pgmq.purge_queue('test_queue');
select is(pg_temp.applied('requeue_step', '{"state": "enqueued"}'), '1 0 0',
  'its message is sent again');
select is((select count(*) from pg_temp.queued('test_queue')), 1::bigint, 'once');

select from tasker.fail_step(pg_temp.step(:'two', 'a'), :'token', '"no"');
select is(pg_temp.applied('complete_step_manually', '{}', '{"by": "hand"}'), '1 0 0',
  'a step is completed');
select is_empty('select * from tasker.check_invariants()', 'all is well');
select is((select result from tasker.steps
  where step_id = tasker._step_id(pg_temp.step(:'two', 'a'))), '{"by": "hand"}',
  'with the result that was planned');

select is(pg_temp.applied('pause_namespace', '{"namespace": "test"}'), '1 0 0', 'a namespace');
select is(pg_temp.applied('pause_template', '{"template": "nightly"}'), '1 0 0', 'and a template');
select is(pg_temp.paused(), 'test, nightly 1.0.0 nightly 1.1.0', 'are paused, all its versions');
select is(pg_temp.applied('resume_namespace', '{}') || ', ' || pg_temp.applied('resume_template',
  '{}'), '1 0 0, 1 0 0', 'and resumed');
select is(pg_temp.paused(), '', 'none is paused');

select plan_uuid as plan from tasker.plan_repair('pause_template', '{"namespace": "test"}') \gset
select pg_temp.a_template('new', '{"a": []}');
select is(pg_temp.refusal(format('select from tasker.apply_repair(%L, ''why'')', :'plan')),
  'TK003: 1 that were not planned match now', 'a template more');
-- Somebody wrote into the tables that a completed step had failed.
insert into tasker.dead_steps select step_id, template_id, tasker._now(), true,
  'x' from tasker.steps where state = 'complete';
select is(pg_temp.applied('retry_step', '{}'), '0 1 0 illegal transition: the step is complete',
  'a refusal says why');

select * from finish();
rollback;
