begin;
\ir ../fixtures.psql
select plan(11);
select pg_temp.a_template('one', '{"a": []}');
select pg_temp.a_template('fan', (
  select '{"a": []}'::jsonb || jsonb_object_agg('b' || n, '["a"]'::jsonb)
    from generate_series(1, 48) as n));
select from tasker.set_limit('claim_bytes', 1048576, 'small lines');

-- Ten contexts of 400 kB, which are small as they are stored.
select from tasker.create_tasks('test', 'one', array_fill(
  jsonb_build_object('x', repeat('x', 400000)), '{10}'));
create temp table claimed as select * from tasker.claim_steps('test', 'w', 10);
select is((select count(*) from claimed), 2::bigint, 'as many as fit into a megabyte');
select is((select cardinality(step_ids) from tasker.claims), 2, 'the claim holds no others');
select is((select count(*) from tasker.steps where state = 'enqueued' and attempt = 0), 8::bigint,
  'the others went back, no attempt is lost');
select is((select count(*) from pg_temp.queued('test_queue')), 8::bigint, 'into their queue');
select is_empty('select from tasker.check_invariants()', 'all is well');
select is((select count(*) from tasker.claim_steps('test', 'w', 10)), 2::bigint, 'and come later');
select is((select count(*) from tasker.claim_steps('test', 'w', 1)), 1::bigint, 'one by one, too');

-- One step is let in, however large it is.
select from tasker.claim_steps('test', 'w', 10), generate_series(1, 3);
select from pgmq.purge_queue('test_queue');
select from tasker.create_tasks('test', 'one', array_fill(
  jsonb_build_object('x', repeat('x', 1040000)), '{2}'));
select from tasker.set_limit('claim_bytes', 1048576, 'smaller lines');
select is((select count(*) from tasker.claim_steps('test', 'w', 10)), 1::bigint, 'at least one');

-- A context that is sent once counts once.
select from pgmq.purge_queue('test_queue');
select pg_temp.a_task('fan', jsonb_build_object('x', repeat('x', 480000))) as task \gset
select tasker.complete_step(pg_temp.step(:'task', 'a'), pg_temp.a_claim());
select is((select count(*) from tasker.claim_steps('test', 'w', 48, p_context_once => true)),
  48::bigint, 'all steps of a task with one context');
select from tasker.claims, lateral tasker.release_claim(token) where cardinality(step_ids) = 48;
select is((select count(*) from tasker.claim_steps('test', 'w', 48)), 2::bigint,
  'or two with one each');
select is((select count(*) from tasker.steps where attempt > 1), 0::bigint, 'nothing ran twice');

select * from finish();
rollback;
