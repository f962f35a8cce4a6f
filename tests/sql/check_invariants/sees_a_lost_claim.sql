begin;
\ir ../fixtures.psql
\ir tampered.psql
select plan(9);

select pg_temp.a_template('three', '{"a": [], "b": [], "c": []}');
select pg_temp.a_task('three') as task \gset
select pg_temp.a_claim(3) as token \gset
select from tasker.complete_step(pg_temp.step(:'task', 'a'), :'token');
select from tasker.submit_step_results(:'token',
  pg_temp.outcomes(pg_temp.outcome(pg_temp.step(:'task', 'b'), '1')));
select is_empty('select * from tasker.check_invariants()',
  'one is complete, one submitted, one claimed');

select pg_temp.sees('delete from tasker.claims',
  'safety: a step in progress is in one pair of hands');
select pg_temp.sees('delete from tasker.submissions',
  'safety: a step in progress is in one pair of hands');
select pg_temp.sees('update tasker.claims set step_ids = step_ids || step_ids',
  'safety: a step in progress is in one pair of hands');
select pg_temp.sees('update tasker.claims set token = gen_random_uuid()',
  'safety: a step in progress is in one pair of hands');
select pg_temp.sees('update tasker.claims set step_ids = step_ids || (step_ids[1] & '
  '~1048575::bigint) + 1', 'safety: no claim holds finished work');
select pg_temp.sees('update tasker.claims set step_ids = step_ids || 7::bigint',
  'safety: no claim holds finished work');
select pg_temp.sees('update tasker.claims set lease_until = ''infinity''',
  'safety: the times of a claim are finite');

-- A cancelled step may be named until its worker hears of it.
select from tasker.cancel_task(:'task', 'enough');
select is_empty('select * from tasker.check_invariants()',
  'the claim still names the cancelled step');

select * from finish();
rollback;
