begin;
\ir ../fixtures.psql
select plan(17);
create function pg_temp.planned (p_verb text, p_filter jsonb) returns bigint language sql as $$
select coalesce(max(matched), 0) from tasker.plan_repair(p_verb, p_filter)
$$;
select pg_temp.a_template('two', '{"a": [], "b": []}', '{"max_attempts": 2}');
select pg_temp.a_task('two') as failed \gset
select pg_temp.a_task('two') as waiting \gset
create temp table held as select * from tasker.claim_steps('test', 'w1', 9);
select from held,
  tasker.fail_step(held.step_uuid, held.token, '"no card 7"', held.task_uuid <> :'failed')
   where name = 'a';
select pg_temp.a_task('two') as open \gset
select tasker._fingerprint('{"message": "no card 1"}') as print \gset

select results_eq('select matched, subject_uuid, subject, state, error from '
  'tasker.plan_repair(''retry_step'')',
  format($$ values (1, %L::uuid, 'test/two/a', 'error', 'no card 7') $$,
    pg_temp.step(:'failed', 'a')), 'the dead letter');
select results_eq('select matched, subject_uuid, subject, state, error from '
  'tasker.plan_repair(''cancel_task'', ''{}'', 1)',
  format($$ values (3, %L::uuid, 'test/two', 'pending', null::text) $$, :'open'),
  'three tasks are open');
select is(pg_temp.planned('retry_step', '{"state": "waiting_for_retry"}'), 1::bigint, 'one waits');
select is(pg_temp.planned('retry_step', jsonb_build_object('fingerprint', :'print')), 1::bigint,
  'by fingerprint');
select is(pg_temp.planned('resolve_step', '{"fingerprint": "0123456789ab"}'), 0::bigint,
  'by another');
select is(pg_temp.planned('retry_step', '{"step": "a", "namespace": "test", "template": "two"}'),
  1::bigint, 'by step');
select is(pg_temp.planned('retry_step', '{"step": "b"}'), 0::bigint, 'by another');
select is(pg_temp.planned('retry_step', '{"template": "other"}'), 0::bigint, 'of another template');
select is(pg_temp.planned('cancel_task', '{"step": "a"}'), 1::bigint, 'the task of a dead letter');
select is(pg_temp.planned('cancel_task', '{"state": "pending"}'), 1::bigint, 'by state');
select is(pg_temp.planned('resume_task', '{}'), 0::bigint, 'none is paused');
select is(pg_temp.refusal($$ select *
  from tasker.plan_repair('retry_step', '{"namespace": "nowhere"}') $$) ~ '^TK002', true,
  'an unknown namespace');
select alike(pg_temp.refusal($$ select * from tasker.plan_repair('drop_step') $$),
  '22023: ''drop_step''; known are retry_step, %', 'an unknown verb');
select alike(pg_temp.refusal($$ select * from tasker.plan_repair(null) $$), '22023%', 'no verb');
select alike(pg_temp.refusal($$ select * from tasker.plan_repair('retry_step', '[]') $$), '22023%',
  'not a filter');
select alike(pg_temp.refusal($$ select *
  from tasker.plan_repair('retry_step', '{"worker": "w"}') $$), '22023%worker%', 'an unknown key');
select alike(pg_temp.refusal($$ select *
  from tasker.plan_repair('retry_step', '{"state": "waiting_for_retry", "fingerprint": "a"}') $$),
  '22023%', 'no such fingerprints');

select * from finish();
rollback;
