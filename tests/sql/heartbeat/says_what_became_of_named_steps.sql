begin;
\ir ../fixtures.psql
select plan(15);
select pg_temp.a_template('t', '{"a": []}');
create temp table made as
select name, (select task_uuid from tasker.create_task('test', 't', jsonb_build_object('n', name)))
 as task
  from unnest('{held,done,failed,cancelled,settled,requeued,back}'::text[]) as name;
select pg_temp.a_claim(7) as token \gset
create function pg_temp.of (variadic p_names text[]) returns uuid[] language sql as $$
select coalesce(array_agg(pg_temp.step(task, 'a') order by tasker._step_id(task)), '{}')
  from made where name = any (p_names)
$$;
create function pg_temp.one (p_name text) returns uuid language sql
 as $$ select (pg_temp.of(p_name))[1] $$;
create function pg_temp.beat (p_token uuid, p_steps uuid[]) returns table (
  lease interval, cancelled uuid[], finished uuid[], lost uuid[], seconds double precision
) language sql as $$
select lease_until - tasker._now(), cancelled_step_uuids, finished_step_uuids, lost_step_uuids,
lease_seconds
  from tasker.heartbeat(p_token, '1 minute', p_steps)
$$;
select array_agg(pg_temp.step(task, 'a') order by tasker._step_id(task)) as all from made \gset

select results_eq(format('select * from pg_temp.beat(%L, %L)', :'token', :'all'),
  $$ values (interval '1 minute', '{}'::uuid[], '{}'::uuid[], '{}'::uuid[], 60::double precision)
    $$, 'all are held');

select from tasker.complete_step(pg_temp.one('done'), :'token');
select from tasker.fail_step(pg_temp.one('failed'), :'token', '1');
select cancel.* from made, tasker.cancel_task(task, 'not wanted') as cancel where name = 'cancelled'
  \gset cancel_
select from tasker.resolve_step(pg_temp.one('settled'), 'by hand');
select from tasker.requeue_step(pg_temp.one('requeued'), 'it hangs');
select results_eq(format('select cancelled, finished, lost from pg_temp.beat(%L, null)', :'token'),
  $$ select pg_temp.of('cancelled', 'settled', 'requeued'), '{}'::uuid[], '{}'::uuid[] $$,
  'without names, those that the claim still names');
select from tasker.release_claim(:'token', array[pg_temp.one('back')]);
prepare expected as select pg_temp.of('cancelled', 'settled', 'requeued'),
  pg_temp.of('done', 'failed'), pg_temp.of('back');
select results_eq(format('select cancelled, finished, lost from pg_temp.beat(%L, %L)', :'token',
  :'all'), 'expected', 'each has its fate');
select results_eq(format('select cancelled, finished, lost from pg_temp.beat(%L, %L)', :'token',
  pg_temp.of('done', 'held')),
  $$ select '{}'::uuid[], pg_temp.of('done'), '{}'::uuid[] $$, 'only of those that are named');
select is((select lost
  from pg_temp.beat(:'token', array['01a20703-dd95-78db-8fff-fffffff00001', null]::uuid[])),
  '{01a20703-dd95-78db-8fff-fffffff00001}', 'of what is not known, that it is lost');
select results_eq(format('select cancelled, finished, lost from pg_temp.beat(gen_random_uuid(), '
  '%L)', pg_temp.of('held', 'done')),
  $$ select '{}'::uuid[], '{}'::uuid[], pg_temp.of('held', 'done') $$, 'a stranger holds nothing');
select results_eq(format('select * from pg_temp.beat(null, %L)', pg_temp.of('held')),
  $$ select null::interval, '{}'::uuid[], '{}'::uuid[], pg_temp.of('held'),
    null::double precision $$, 'nor does a null token');

-- The last step is reported while a beat is on its way.
select from tasker.complete_step(pg_temp.one('held'), :'token');
select results_eq(format('select lease, cancelled, finished, lost from pg_temp.beat(%L, %L)',
  :'token', pg_temp.of('held')),
  $$ select null::interval, '{}'::uuid[], pg_temp.of('held'), '{}'::uuid[] $$,
  'no lease is left, and nothing is lost');
select is(pg_temp.reason(format('select from tasker.heartbeat(%L)', :'token')), 'settled',
  'without names, TK001');
select lives_ok(format('select from tasker.heartbeat(%L, null, ''{}'')', :'token'),
  'no names are names');

-- A lease that is lost.
select pg_temp.a_claim(9) as other \gset
select pg_temp.later('31 seconds');
select from tasker.sweep();
select results_eq(format('select lease, cancelled, finished, lost from pg_temp.beat(%L, %L)',
  :'other', pg_temp.of('back', 'done')),
  $$ select null::interval, '{}'::uuid[], '{}'::uuid[], pg_temp.of('back', 'done') $$,
  'the sweep took it back');

-- Submitted is finished.
select pg_temp.a_claim(9) as third \gset
select from tasker.submit_step_results(:'third',
  pg_temp.outcomes(pg_temp.outcome(pg_temp.one('back'))));
select is((select finished from pg_temp.beat(:'third', pg_temp.of('back'))), pg_temp.of('back'),
  'what was submitted is finished');

select is(pg_temp.refusal(format('select from tasker.heartbeat(%L, ''0'', %L)', :'token', :'all')),
  '22023: got 00:00:00', 'a bad lease is refused all the same');
select alike(pg_temp.refusal(format('select from tasker.heartbeat(%L, null, %L)', :'token',
  array_fill(gen_random_uuid(), '{1001}'))),
  '22023: got 1001, need 0 to 1000', 'and too many names');
select is_empty('select from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
