begin;
\ir ../fixtures.psql
select plan(13);

-- The waits in seconds after attempts 1 to 4 of a step with a base of 10 s and at most p_max s.
create function pg_temp.waits (p_kind text, p_max integer) returns numeric[] language plpgsql as $$
declare
  v_waits numeric[] := '{}';
  v_due   timestamptz;
  v_step  record;
begin
  perform pg_temp.a_template(p_kind || p_max, '{"a": []}',
    jsonb_build_object('backoff', p_kind, 'backoff_base_ms', 10000,
                             'max_backoff_ms', p_max * 1000, 'max_attempts', 5, 'jitter', false));
  perform pg_temp.a_task(p_kind || p_max);
  for attempt in 1 .. 4 loop
    select step_uuid, token into strict v_step from tasker.claim_steps('test', 'w1', 1);
    select next_retry_at into v_due from tasker.fail_step(v_step.step_uuid, v_step.token, '"boom"');
    v_waits := v_waits || extract(epoch from v_due - tasker._now());
    perform pg_temp.later(v_due - tasker._now());
    perform tasker.sweep();
  end loop;
  perform pg_temp.run_all();
  return v_waits;
end $$;

select is(pg_temp.waits(kind, 1000)::integer[], waits, format('%s: %s', kind, waits))
  from (values ('none', '{0,0,0,0}'::integer[]), ('linear', '{10,20,30,40}'),
    ('exponential', '{10,20,40,80}'), ('fibonacci', '{10,10,20,30}')) as kind (kind, waits);
select is(pg_temp.waits(kind, 25)::integer[], waits, format('%s, at most 25: %s', kind, waits))
  from (values ('none', '{0,0,0,0}'::integer[]), ('linear', '{10,20,25,25}'),
    ('exponential', '{10,20,25,25}'), ('fibonacci', '{10,10,20,25}')) as kind (kind, waits);

-- Not a moment earlier.
select pg_temp.a_template('t', '{"a": []}',
  '{"backoff": "linear", "backoff_base_ms": 1500, "jitter": false}');
select pg_temp.a_task('t') as task \gset
select results_eq(format('select step_state, next_retry_at, task_state from tasker.fail_step(%L, '
  '%L, ''"boom"'')', pg_temp.step(:'task', 'a'), pg_temp.a_claim(1)),
  $$ select 'waiting_for_retry', tasker._now() + interval '1.5 seconds', 'in_progress' $$,
  'it answers when');
select pg_temp.later('1.5 seconds' - interval '1 microsecond');
select is((select affected from tasker.sweep() where action = 'timers_fired'), 0,
  'a moment before');
select is(pg_temp.a_claim(1), null, 'it is not handed out');
select pg_temp.later('1 microsecond');
select is((select affected from tasker.sweep() where action = 'timers_fired'), 1, 'then it is due');
select isnt(pg_temp.a_claim(1), null, 'and handed out');

select * from finish();
rollback;
