begin;
\ir ../fixtures.psql
select plan(8);
select pg_temp.a_template('external', '{"a": [], "b": []}',
  p_more => '{"finalization": "external"}');
select pg_temp.a_task('external') as task \gset
create function pg_temp.claim (p_task uuid, p_processor text default 'p1') returns text language sql
 as $$
select concat_ws(' | ', claimed, already_claimed_by, task_state, message,
  finalization_attempt_uuid is not null)
  from tasker.claim_task_for_finalization(p_task, p_processor)
$$;
select is(pg_temp.claim(gen_random_uuid()), 'f | not_found | f', 'there is no such task');
select is(pg_temp.claim(pg_temp.step(:'task', 'a')), 'f | not_found | f', 'that is a step');
select is(pg_temp.claim(:'task'), 'f | pending | not_ready | f', 'its steps have not begun');
select pg_temp.a_claim(2) as token \gset
select from tasker.complete_step(pg_temp.step(:'task', 'a'), :'token');
select is(pg_temp.claim(:'task'), 'f | in_progress | not_ready | f', 'one step is open');
select from tasker.complete_step(pg_temp.step(:'task', 'b'), :'token');
select is(pg_temp.claim(:'task'), 't | in_progress | claimed | t', 'all are done');
select is(pg_temp.claim(:'task', 'p2'), 'f | p1 | in_progress | already_claimed | f',
  'another processor comes second');
select is(pg_temp.claim(:'task'), 'f | p1 | in_progress | already_claimed | f',
  'and so does the same one');
select from tasker.finalization_claims as claim,
  lateral tasker.finalize_task(:'task', claim.attempt_uuid);
select is(pg_temp.claim(:'task', 'p2'), 'f | complete | already_complete | f', 'it is over');

select * from finish();
rollback;
