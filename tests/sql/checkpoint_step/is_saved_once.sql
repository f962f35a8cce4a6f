begin;
\ir ../fixtures.psql
select plan(9);
-- K5, F7: p_after says which one it follows.
select pg_temp.a_task() as task \gset
select pg_temp.step(:'task', 'only') as only \gset
select pg_temp.a_claim(p_lease => '1 hour') as token \gset
select from tasker.checkpoint_step(:'only', :'token', '"one"', 0);
select pg_temp.later('1 second');
select is(pg_temp.refusal(format('select from tasker.checkpoint_step(%L, %L, ''"one"'', 0)',
  :'only', :'token')), 'TK009: checkpoint 1 was saved at 2030-01-01 00:00:00+00',
  'who may have written something must roll back');
select results_eq(format('select number, saved_at, repeated from tasker.checkpoint_step(%L, %L, '
  '''"one"'', 0, p_repeat => true)', :'only', :'token'),
  $$ values (1::bigint, timestamptz '2030-01-01 00:00Z', true) $$, 'or gets the first answer');
select is(pg_temp.refusal(format('select from tasker.checkpoint_step(%L, %L, ''"x"'', %s, null, '
  'true)', :'only', :'token', after)), 'TK003: the last one is 1, p_after is ' || after,
  'it follows the last one: ' || after)
  from unnest('{-1,2,9223372036854775807}'::bigint[]) as after;
select is((select checkpoint from tasker.checkpoints), '"one"', 'nothing was saved');
select pg_temp.later('1 hour 1 second');
select from tasker.sweep();
select pg_temp.a_claim() as token \gset
select is(pg_temp.refusal(format('select from tasker.checkpoint_step(%L, %L, ''"x"'', 0)', :'only',
  :'token')), 'TK003: the last one is 1, p_after is 0', 'another claim did not save it');
select is((select number from tasker.checkpoint_step(:'only', :'token', '"two"', 1)), 2::bigint,
  'it goes on');
select is((select count(*) from tasker.checkpoints), 1::bigint, 'one row a step');
select * from finish();
rollback;
