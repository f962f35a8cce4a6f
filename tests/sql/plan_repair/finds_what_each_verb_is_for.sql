begin;
\ir ../fixtures.psql
select plan(29);
create function pg_temp.planned (p_verb text, p_filter jsonb default '{}') returns text language sql
 as $$
select string_agg(subject || ' ' || state, ', ' order by subject)
from tasker.plan_repair(p_verb, p_filter, 9)
$$;
select pg_temp.a_template('two', '{"a": [], "b": []}', '{"max_attempts": 1}');
select pg_temp.a_template('two', '{"a": [], "b": []}', p_more => '{"version": "1.1.0"}');
select pg_temp.a_template('far', '{"c": []}', p_namespace => 'other');
select pg_temp.a_task('two', p_options => '{"version": "1.0.0"}');
create temp table held as select * from tasker.claim_steps('test', 'w1', 1);
select from tasker.claim_steps('test', 'w2', 1);
select pg_temp.a_task('far', p_namespace => 'other') as far \gset

select is(pg_temp.planned('requeue_step'), 'test/two/a in_progress, test/two/b in_progress',
  'what workers hold');
select is(pg_temp.planned('requeue_step', '{"worker": "w2"}'), 'test/two/b in_progress',
  'what one of them holds');
select is(pg_temp.planned('requeue_step', '{"worker": "w3"}'), null, 'what nobody holds');
select is(pg_temp.planned('requeue_step', '{"state": "enqueued"}'), 'other/far/c enqueued',
  'what waits in a queue');
select is(pg_temp.planned('requeue_step', '{"state": "enqueued", "namespace": "test"}'), null,
  'of a namespace');
select is(pg_temp.planned('requeue_step',
  '{"state": "in_progress", "step": "a", "template": "two"}'), 'test/two/a in_progress',
  'of a step');
select from held,
  tasker.submit_step_results(held.token,
    jsonb_build_array(jsonb_build_object('step_uuid', held.step_uuid, 'error', 'no', 'retryable',
      false)));
select is(pg_temp.planned('requeue_step'), 'test/two/b in_progress',
  'what was submitted is out of their hands');
select from tasker.process_step_results();
select is(pg_temp.planned('complete_step_manually'), 'test/two/a error', 'a dead letter');

select is(pg_temp.planned('pause_namespace'), 'other running, test running', 'namespaces that run');
select is(pg_temp.planned('pause_namespace', '{"namespace": "test"}'), 'test running',
  'one of them');
select is(pg_temp.planned('resume_namespace'), null, 'none is paused');
select from tasker.pause_namespace('test', 'wait');
select is(pg_temp.planned('pause_namespace'), 'other running', 'one is');
select is(pg_temp.planned('resume_namespace'), 'test paused', 'that can be resumed');
select is(pg_temp.planned('pause_template'), 'other/far running, test/two running',
  'templates, all their versions as one');
select from tasker.pause_template('test', 'two', 'wait');
select is(pg_temp.planned('pause_template', '{"namespace": "test"}'), null, 'that are not paused');
select is(pg_temp.planned('resume_template', '{"template": "two"}'), 'test/two paused', 'or are');
select results_eq($$ select matched, subject_uuid from tasker.plan_repair('resume_template') $$,
  $$ values (1, null::uuid) $$, 'their name is all that they have');

select is(pg_temp.refusal(format('select from tasker.plan_repair(%L, %L, p_result => %L)', verb,
  filter, result)), '22023: ' || refusal, refusal)
  from (values ('requeue_step', '{"fingerprint": "a"}', null,
    '''fingerprint''; known are namespace, template, step, worker, state'),
               ('requeue_step', '{"worker": "w", "state": "enqueued"}', null,
                 'only steps in progress have a worker, not those that are enqueued'),
               ('retry_step', '{"worker": "w"}', null,
                 '''worker''; known are namespace, template, step, fingerprint, state'),
               ('retry_step', '{"state": "wrong"}', null,
                 'state is "wrong", need one of error, waiting_for_retry'),
               ('pause_template', '{"step": "a"}', null, '''step''; known are namespace, template'),
               ('pause_namespace', '{"template": "a"}', null, '''template''; known are namespace'),
               ('retry_step', '{}', '1',
                 'retry_step takes no result, only complete_step_manually does'))
                 as bad (verb, filter, result, refusal);
select alike(pg_temp.refusal(format('select from tasker.plan_repair(''complete_step_manually'', '
  'p_result => to_jsonb(repeat(%L, 1100000)))', 'x')), 'TK006%', 'a result that is too large');

select alike(pg_temp.refusal($$ select from tasker.plan_repair('cancel_task', '{"step": 1}') $$),
  '22023: step is 1, need%', 'a number for a name');
select from tasker.create_task('other', 'far', '{}', '{"run_at": "2031-01-01T00:00Z"}');
select is(pg_temp.planned('retry_step', '{"state": "waiting_for_retry"}'), null,
  'what has its time to come has not failed');
select from tasker.resume_namespace('test', 'go'), tasker.resume_template('test', 'two', 'go');
select from tasker.requeue_step(pg_temp.step((select task_uuid from held), 'b'), 'it hangs'),
  tasker.sweep();
select from tasker.claim_steps('test', 'w4');
select is(pg_temp.planned('requeue_step', '{"worker": "w2"}'), null,
  'what was taken back from a worker is not taken from the next');
select from tasker.create_tasks('other', 'far', array_fill('{}'::jsonb, '{101}')),
  tasker.set_limit('sweep_rows', 100, 'for a test');
select alike(pg_temp.refusal('select from tasker.plan_repair(''cancel_task'')'),
  'TK006: 104 rows, at most 100%', 'too many for one plan');

select * from finish();
rollback;
