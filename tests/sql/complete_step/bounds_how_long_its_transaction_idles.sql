begin;
\ir ../fixtures.psql
select plan(13);
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

create function pg_temp.bound_after (p_call text) returns text language plpgsql as $$
declare
  v_bound text;
begin
  execute p_call;
  v_bound := pg_temp.bound();
  raise 'undo it';
exception when raise_exception then
  return v_bound;
end;
$$;
select is(pg_temp.bound_after(format('select from tasker.' || call, :'a', :'token')), '30s', call)
  from unnest(array[
    'fail_step(%L, %L, ''"no"'')', 'skip_step(%L, %L)', 'sleep_step(%L, %L, ''1 minute'')',
    'checkpoint_step(%L, %L, ''1'')',
    'report_steps(%2$L, pg_temp.outcomes(pg_temp.outcome(%1$L)))',
    'submit_step_results(%2$L, pg_temp.outcomes(pg_temp.outcome(%1$L)))']) as call;

select * from finish();
rollback;
