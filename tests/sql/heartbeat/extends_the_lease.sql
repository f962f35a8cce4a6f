begin;
\ir ../fixtures.psql
select plan(12);
select pg_temp.a_template('t', '{"a": []}');
select pg_temp.a_task('t') as one \gset
select pg_temp.a_task('t') as two \gset
select pg_temp.a_task('t') as three \gset
select pg_temp.a_claim(3) as token \gset

select pg_temp.later('20 seconds');
select results_eq(format('select lease_until, cancelled_step_uuids from tasker.heartbeat(%L)',
  :'token'),
  $$ select tasker._now() + interval '30 seconds', '{}'::uuid[] $$, 'from now on');
select pg_temp.later('29 seconds');
select is((select affected from tasker.sweep() where action = 'claims_taken_back'), 0,
  'the sweep respects it');
select results_eq(format('select lease_until from tasker.heartbeat(%L, ''1 hour'')', :'token'),
  $$ select tasker._now() + interval '1 hour' $$, 'by as much as is asked for');
select results_eq(format('select lease_until from tasker.heartbeat(%L, ''1 second'')', :'token'),
  $$ select tasker._now() + interval '1 second' $$, 'or as little');

-- It names what was taken away.
select from tasker.cancel_task(:'two', 'not wanted');
select from tasker.complete_step_manually(pg_temp.step(:'three', 'a'), '1', 'by hand');
select results_eq(format('select cancelled_step_uuids from tasker.heartbeat(%L)', :'token'),
  format('select array[%L, %L]::uuid[]', pg_temp.step(:'two', 'a'), pg_temp.step(:'three', 'a')),
  'steps that were cancelled or settled by hand are named');
select is(pg_temp.step_state(pg_temp.step(:'one', 'a')), 'in_progress', 'the other one runs');

-- Late, but nobody has taken the claim back.
select pg_temp.later('1 hour');
select lives_ok(format('select * from tasker.heartbeat(%L)', :'token'),
  'a late one is better than none');
select is((select affected from tasker.sweep() where action = 'claims_taken_back'), 0,
  'nothing is taken back');
select pg_temp.later('31 seconds');
select from tasker.sweep();
select is(pg_temp.refusal(format('select * from tasker.heartbeat(%L)', :'token')),
  'TK001: token ' || :'token', 'too late');

select pg_temp.a_claim() as token \gset
select from tasker.complete_step(pg_temp.step(:'one', 'a'), :'token');
select is(pg_temp.refusal(format('select * from tasker.heartbeat(%L)', :'token')),
  'TK001: token ' || :'token', 'nothing is left of a finished claim');
select is(pg_temp.refusal('select * from tasker.heartbeat(null)'), 'TK001: token null',
  'a null token holds nothing');
select alike(pg_temp.refusal('select * from tasker.heartbeat(gen_random_uuid())'), 'TK001: token %',
  'nor does a forged one');

select * from finish();
rollback;
