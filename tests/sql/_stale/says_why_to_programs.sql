begin;
\ir ../fixtures.psql
select plan(24);
select pg_temp.a_template('t', '{"a": []}');
select pg_temp.a_task('t') as one \gset
select pg_temp.a_task('t') as two \gset
select pg_temp.step(:'one', 'a') as a \gset
select pg_temp.step(:'two', 'a') as b \gset

-- Every call that presents a token says the same, of the step p_step alone.
create function pg_temp.reasons (p_step uuid, p_token uuid) returns text[] language sql as $$
select array_agg(distinct coalesce(pg_temp.reason(format(call, p_step, p_token)), 'done'))
  from unnest(array[
         'select from tasker.complete_step(%1$L, %2$L, ''9'')',
         'select from tasker.fail_step(%1$L, %2$L, ''9'')',
         'select from tasker.finish_and_claim(''test'', ''w'', %2$L, ''[{"step_uuid": "%1$s"}]'')',
         'select from tasker.finish_and_claim(''test'', ''w'', %2$L,
            ''[{"step_uuid": "%1$s", "error": 1}]'')',
         'select from tasker.submit_step_results(%2$L, ''[{"step_uuid": "%1$s"}]'')']) as call
$$;
select is(pg_temp.reasons(:'a', gen_random_uuid()), '{unknown}', 'a forged token');

select pg_temp.a_claim(1, 'w1') as token \gset
select pg_temp.later('31 seconds');
select from tasker.sweep();
select is(pg_temp.reasons(:'a', :'token'), '{lease_expired}', 'the sweep took it back');
select is(pg_temp.reason(format('select from tasker.heartbeat(%L)', :'token')), 'lease_expired',
  'so a beat says, too');
select pg_temp.a_claim(2) as other \gset
select is(pg_temp.reasons(:'a', :'token'), '{lease_expired}', 'still, when somebody else has it');
select from tasker.complete_step(:'a', :'other');
select is(pg_temp.reasons(:'a', :'token'), '{lease_expired}', 'or has finished it');
select is(pg_temp.reason(format('select from tasker.fail_step(%L, %L, ''1'')', :'a', :'other')),
  'finished', 'it cannot fail who completed it');

select from tasker.fail_step(:'b', :'other', '1');
select is(pg_temp.reason(format('select from tasker.complete_step(%L, %L)', :'b', :'other')),
  'finished', 'nor complete who failed it');
select is(pg_temp.reason(format('select from tasker.heartbeat(%L)', :'other')), 'unknown',
  'a beat for a claim without steps');
select from tasker.retry_step(:'b', 'now');
select pg_temp.a_claim() as token \gset
select from tasker.requeue_step(:'b', 'it hangs');
select is(pg_temp.reasons(:'b', :'token'), '{settled}', 'an operator took it back');
select pg_temp.a_claim() as token \gset
select from tasker.complete_step_manually(:'b', '1', 'by hand');
select is(pg_temp.reasons(:'b', :'token'), '{settled}', 'or completed it');

select pg_temp.a_task('t') as three \gset
select pg_temp.step(:'three', 'a') as c \gset
select pg_temp.a_claim() as token \gset
select from tasker.resolve_step(:'c', 'by hand');
select is(pg_temp.reasons(:'c', :'token'), '{settled}', 'or resolved it');
select pg_temp.a_task('t') as four \gset
select pg_temp.step(:'four', 'a') as d \gset
select pg_temp.a_claim() as token \gset
select from tasker.release_claim(:'token');
select is(pg_temp.reasons(:'d', :'token'), '{unknown}', 'it was given back');
select pg_temp.a_claim() as token \gset
select from tasker.cancel_task(:'four', 'not wanted');
select is(pg_temp.reasons(:'d', :'token'), '{cancelled}', 'it was cancelled');
select is(pg_temp.reasons(:'d', gen_random_uuid()), '{unknown}', 'but not for a stranger');

-- The last attempt, lost.
select pg_temp.a_template('once', '{"a": []}', '{"max_attempts": 1}');
select pg_temp.a_task('once') as five \gset
select pg_temp.a_claim() as token \gset
select pg_temp.later('31 seconds');
select from tasker.sweep();
select is(pg_temp.reasons(pg_temp.step(:'five', 'a'), :'token'), '{lease_expired}',
  'a lease that ended in error');
select is(pg_temp.reason(format('select from tasker.heartbeat(%L)', :'token')), 'lease_expired',
  'so a beat says, too');

-- Submitted.
select pg_temp.a_task('t') as six \gset
select pg_temp.step(:'six', 'a') as e \gset
select pg_temp.a_claim() as token \gset
select from tasker.submit_step_results(:'token', pg_temp.outcomes(pg_temp.outcome(:'e')));
select is(pg_temp.reason(format('select from tasker.complete_step(%L, %L)', :'e', :'token')),
  'finished', 'it was submitted');

-- One of several.
select pg_temp.a_task('t') as seven \gset
select pg_temp.a_task('t') as eight \gset
select pg_temp.step(:'seven', 'a') as f \gset
select pg_temp.step(:'eight', 'a') as g \gset
select pg_temp.a_claim(2) as token \gset
select from tasker.complete_step(:'f', :'token');
select from tasker.cancel_task(:'eight', 'not wanted');
select is(pg_temp.reason(format('select from tasker.finish_and_claim(''test'', ''w'', %L, %L)',
  :'token', jsonb_build_array(
  pg_temp.outcome(:'f'), pg_temp.outcome(:'g')))), 'cancelled',
  'of several, the one that was taken away');

-- Claims of finalization.
select pg_temp.a_template('ext', '{"a": []}', p_more => '{"finalization": "external"}');
select pg_temp.a_task('ext') as task \gset
select pg_temp.run_all();
select finalization_attempt_uuid as old from tasker.claim_task_for_finalization(:'task', 'p') \gset
select is(pg_temp.reason(format('select from tasker.finalize_task(%L)', :'task')), 'unknown',
  'somebody else finalizes');
select pg_temp.later('31 seconds');
select finalization_attempt_uuid as new from tasker.claim_task_for_finalization(:'task', 'p') \gset
select is(pg_temp.reason(format('select from tasker.extend_finalization_claim(%L)', :'old')),
  'lease_expired', 'its time was over');
select is(pg_temp.reason(format('select from tasker.finalize_task(%L, %L)', :'task', :'old')),
  'lease_expired', 'so it cannot finalize');
select from tasker.release_finalization_claim(:'new');
select is(pg_temp.reason(format('select from tasker.extend_finalization_claim(%L)', :'new')),
  'finished', 'it was given back');
select is(pg_temp.reason('select from tasker.extend_finalization_claim(gen_random_uuid())'),
  'unknown', 'a forged one');
select alike(pg_temp.refusal(format('select from tasker.finalize_task(%L, %L)', :'task', :'new')),
  'TK001: attempt %: the claim is gone', 'the detail names it');

select * from finish();
rollback;
