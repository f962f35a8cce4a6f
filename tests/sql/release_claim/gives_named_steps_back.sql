begin;
\ir ../fixtures.psql
select plan(14);
select pg_temp.a_template('t', '{"a": []}');
select pg_temp.a_task('t') as one \gset
select pg_temp.a_task('t') as two \gset
select pg_temp.a_task('t') as three \gset
select pg_temp.step(:'one', 'a') as a, pg_temp.step(:'two', 'a') as b, pg_temp.step(:'three', 'a')
 as c \gset
select pg_temp.a_claim(3) as token \gset
select pg_temp.a_task('t');
select pg_temp.a_claim(1, 'w2') as stranger \gset

select is_empty(format('select from tasker.release_claim(%L, ''{}'')', :'token'), 'none');
select is_empty(format('select from tasker.release_claim(%L, array[null]::uuid[])', :'token'),
  'a null');
select is_empty(format('select from tasker.release_claim(%L, array[%L]::uuid[])', :'stranger',
  :'a'), 'of another claim');
select is((select count(*) from tasker.steps where state = 'in_progress'), 4::bigint,
  'all is as it was');

select results_eq(format('select step_uuid from tasker.release_claim(%L, array[%L, %L]::uuid[])',
  :'token', :'b', :'b'), array[:'b'::uuid], 'one of them, named twice');
select results_eq(format('select state::text, attempt::integer, claim_token from tasker.steps '
  'where step_id = tasker._step_id(%L)', :'b'), $$ values ('enqueued', 0, null::uuid) $$,
  'waits again, its attempt does not count');
select is((select step_ids from tasker.claims where token = :'token'),
  array[tasker._step_id(:'a'), tasker._step_id(:'c')], 'the others stay');
select is_empty(format('select from tasker.release_claim(%L, array[%L]::uuid[])', :'token', :'b'),
  'a repeated call has nothing to give');
select results_eq($$ select step_uuid, attempt from tasker.claim_steps('test', 'w3') $$,
  format('values (%L::uuid, 1)', :'b'), 'others get it, as a first attempt');
select lives_ok(format('select from tasker.complete_step(%L, %L)', :'a', :'token'),
  'what stayed is held as before');

select from tasker.cancel_task(:'three', 'not wanted');
select is_empty(format('select from tasker.release_claim(%L, array[%L]::uuid[])', :'token', :'c'),
  'what was cancelled does not go back');
select is_empty(format('select from tasker.claims where token = %L', :'token'),
  'and takes the claim with it, when it was the last');
select is(pg_temp.refusal(format('select from tasker.release_claim(%L, %L)', :'token',
  array_fill(gen_random_uuid(), '{1001}'))), '22023: got 1001, need 0 to 1000', 'too many');
select is_empty('select from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
