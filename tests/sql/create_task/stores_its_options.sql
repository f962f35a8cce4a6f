begin;
\ir ../fixtures.psql
select plan(9);

select pg_temp.a_task(p_options => jsonb_build_object('tags', '["b", "a", "b"]'::jsonb, 'initiator',
  'ann', 'source_system', 'crm', 'reason', repeat('r', 1000),
  'priority', 'high', 'idempotency_key', 'k'));

select results_eq('select tags, initiator, source_system, length(reason), priority from '
  'tasker.tasks',
  $$ values ('{b,a,b}'::text[], 'ann', 'crm', 1000, 1::smallint) $$, 'in its row');
select results_eq('select distinct actor, length(reason) from tasker._changes',
  $$ values ('ann', 1000) $$, 'who and why are in the history');
select results_eq('select idempotency_key from tasker.idempotency_keys', array['k'],
  'its key is known');

select pg_temp.a_task() as plain \gset
select results_eq(format('select tags, initiator, source_system, reason, priority from '
  'tasker.tasks where task_uuid = %L', :'plain'),
  $$ values (null::text[], null::text, null::text, null::text, 0::smallint) $$, 'or nothing');
select is((select distinct actor from tasker._changes where id = tasker._step_id(:'plain')),
  session_user::text, 'then the role is who asked');

select pg_temp.a_task(p_options => '{"tags": [], "priority": "low"}') as low \gset
select results_eq(format('select tags, priority from tasker.tasks where task_uuid = %L', :'low'),
  $$ values (null::text[], -1::smallint) $$, 'no tags are no tags');

select pg_temp.a_task(p_options =>
  '{"version": null, "idempotency_key": null, "priority": null, "run_at": null, "tags": null, '
  '"initiator": null,
  "source_system": null, "reason": null}') as of_nulls \gset
select results_eq(format('select tags, initiator, source_system, reason, priority from '
  'tasker.tasks where task_uuid = %L', :'of_nulls'),
  $$ values (null::text[], null::text, null::text, null::text, 0::smallint) $$,
  'null is as if it were not there');
select lives_ok($$ select
  from tasker.create_tasks('test', 'single', array['{}', '{}']::jsonb[],
    '{"idempotency_keys": null, "idempotency_key": null}') $$,
  'also for many');
select is((select count(*) from tasker.idempotency_keys), 1::bigint, 'without a key none is kept');

select * from finish();
rollback;
