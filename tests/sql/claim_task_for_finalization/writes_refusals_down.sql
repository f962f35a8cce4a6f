begin;
\ir ../fixtures.psql
select plan(6);
select pg_temp.a_template('external', '{"a": []}', p_more => '{"finalization": "external"}');
select pg_temp.a_task('external') as task \gset
create function pg_temp.claim (p_task uuid, p_processor text) returns text language sql as $$
select message from tasker.claim_task_for_finalization(p_task, p_processor)
$$;
create function pg_temp.refusals () returns setof text language sql as $$
select concat_ws(' ', processor_id, reason, ended_at = claimed_at, task_uuid is not null)
  from tasker.past_finalization_attempts where outcome = 'refused' order by claimed_at
$$;
select pg_temp.claim(gen_random_uuid(), 'p1'), pg_temp.later('1 second');
select pg_temp.claim(:'task', 'p2'), pg_temp.later('1 second');
select pg_temp.run_all();
select pg_temp.claim(:'task', 'p3'), pg_temp.later('1 second');
select pg_temp.claim(:'task', 'p4'), pg_temp.later('1 second');
select results_eq('select pg_temp.refusals()',
  array['p1 not_found t f', 'p2 not_ready t t', 'p4 already_claimed t t'],
  'who was refused, and why');
select is((select finalization_attempt_uuid from tasker.claim_task_for_finalization(:'task', 'p5')),
  null, 'what is refused has no token');
select from tasker.finalize_task(:'task', (select attempt_uuid from tasker.finalization_claims));
select is(pg_temp.claim(:'task', 'p6'), 'already_complete', 'it is over');
select results_eq('select outcome, count(*), count(reason) from tasker.past_finalization_attempts '
  'group by 1 order by 1',
  $$ values ('finalized', 1::bigint, 0::bigint), ('refused', 5, 5) $$, 'beside what was granted');
select is_empty('select from tasker.finalization_claims', 'none of it is a claim');
select is_empty('select from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
