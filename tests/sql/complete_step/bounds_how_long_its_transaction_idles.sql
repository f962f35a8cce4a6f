begin;
\ir ../fixtures.psql
select plan(8);
create function pg_temp.bound () returns text language sql
 as $$ select current_setting('idle_in_transaction_session_timeout') $$;
select pg_temp.a_template('t', '{"a": [], "b": []}');
select pg_temp.a_task('t') as task \gset
select pg_temp.step(:'task', 'a') as a, pg_temp.step(:'task', 'b') as b \gset

savepoint nothing;
select from tasker.claim_steps('test', 'w1', 1, '20 seconds');
select is(pg_temp.bound(), '20s', 'an open claim: by its lease');
rollback to nothing;
select is(pg_temp.bound(), '0', 'which goes with it');

select pg_temp.a_claim(2) as token \gset
set local idle_in_transaction_session_timeout = 0;
savepoint claimed;
select pg_temp.later('13 seconds');
select from tasker.complete_step(:'a', :'token');
select is(pg_temp.bound(), '17s', 'by what is left of the lease');
set local idle_in_transaction_session_timeout = 0;
select from tasker.complete_step(:'b', :'token');
select is(pg_temp.bound(), '17s', 'with the last step, too');
rollback to claimed;
select pg_temp.later('1 hour');
select from tasker.complete_step(:'a', :'token');
select is(pg_temp.bound(), '5s', 'when that is over, by 5 seconds');
rollback to claimed;
set local idle_in_transaction_session_timeout = '1s';
select from tasker.complete_step(:'a', :'token');
select is(pg_temp.bound(), '1s', 'a stricter setting stays');
rollback to claimed;
set local idle_in_transaction_session_timeout = '2d';
select from tasker.heartbeat(:'token', '1 day');
select is(pg_temp.bound(), '1d', 'a heartbeat: by the new lease');
rollback to claimed;
select from tasker.fail_step(:'a', :'token', '"no"');
select is(pg_temp.bound(), '30s', 'a failure as well');

select * from finish();
rollback;
