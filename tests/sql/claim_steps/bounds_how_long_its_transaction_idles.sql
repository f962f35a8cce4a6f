begin;
\ir ../fixtures.psql
select plan(3);
create function pg_temp.bound () returns text language sql
 as $$ select current_setting('idle_in_transaction_session_timeout') $$;

-- The milliseconds of a month do not fit into the setting.
savepoint nothing;
select from tasker.set_limit('lease_seconds', 2592000, 'films');
select pg_temp.a_task();
select isnt(pg_temp.a_claim(1, 'w1', '30 days'), null, 'a claim for a month');
select is(pg_temp.bound(), '1d', 'by a day');
rollback to nothing;

-- A join of which is looked whether its input is too large.
select pg_temp.a_template('join',
  (select jsonb_object_agg('p' || n, '[]'::jsonb) from generate_series(1, 9) as n)
  || jsonb_build_object('join', (select jsonb_agg('p' || n) from generate_series(1, 9) as n)));
select pg_temp.a_task('join');
select from tasker.claim_steps('test', 'w1', 9) as step,
  tasker.complete_step(step.step_uuid, step.token);
set local idle_in_transaction_session_timeout = 0;
select pg_temp.a_claim(1, 'w1', '20 seconds');
select is(pg_temp.bound(), '20s', 'a join: by its lease');

select * from finish();
rollback;
