begin;
\ir ../fixtures.psql
select plan(9);
-- K1: it takes the writes of its transaction with it.
select pg_temp.a_template('two', '{"a": [], "b": []}');
select pg_temp.a_task('two') as task \gset
select pg_temp.step(:'task', 'a') as a, pg_temp.step(:'task', 'b') as b \gset
select format('select from tasker.checkpoint_step(%L, %%L, ''1'')', :'a') as call \gset
select is(pg_temp.refusal(format(:'call', gen_random_uuid())),
  format('TK001: %s is enqueued, attempt 0', :'a'), 'nobody has it');
select pg_temp.a_claim(2) as token \gset
select is(pg_temp.reason(format(:'call', gen_random_uuid())), 'unknown', 'somebody else has it');
select from tasker.complete_step(:'b', :'token');
select is(pg_temp.refusal(format('select from tasker.checkpoint_step(%L, %L, ''1'')', :'b',
  :'token')) like 'TK001%', true, 'it is complete');
select from tasker.requeue_step(:'a', 'taken');
select is(pg_temp.reason(format(:'call', :'token')), 'settled', 'an operator took it back');
select pg_temp.a_claim() as token \gset
select pg_temp.later('31 seconds');
select lives_ok(format(:'call', :'token'), 'a lease that is over holds until it is taken back');
select from tasker.sweep();
select is(pg_temp.reason(format(:'call', :'token')), 'lease_expired', 'and then no more');
select pg_temp.a_claim() as token \gset
select from tasker.submit_step_results(:'token', pg_temp.outcomes(pg_temp.outcome(:'a')));
select is(pg_temp.reason(format(:'call', :'token')), 'finished', 'its outcome was submitted');
select is(pg_temp.refusal(format(:'call', null)) like '22023%', true, 'a token is needed');
select is(pg_temp.refusal(format('select from tasker.checkpoint_step(%L, %L, ''1'')',
  '01900000-0000-7000-8fff-fffffff00001', :'token')) like 'TK002%', true, 'and a step');
select * from finish();
rollback;
