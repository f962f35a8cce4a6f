begin;
\ir ../fixtures.psql
select plan(19);
select pg_temp.a_schedule('0 * * * *', jsonb_build_object('overlap', overlap), overlap)
  from unnest('{allow,skip,queue,cancel}'::text[]) as overlap;
create function pg_temp.every (p_at text) returns text[] language sql as $$
select pg_temp.at(p_at::timestamptz);
select pg_temp.fired();
select array_agg(pg_temp.ticks(name) order by name) from tasker.list_schedules()
$$;

select is(pg_temp.every('2030-01-01 01:00Z'), array_fill('01T01:00 created'::text, array[4]),
  'the first of each');
select is(pg_temp.every('2030-01-01 02:00Z'), '{"01T01:00 created, 01T02:00 created",
  "01T01:00 created, 01T02:00 created", "01T01:00 created, 01T02:00 queued",
  "01T01:00 created, 01T02:00 overlapped"}', 'S7: the second, which meets it');
select results_eq('select task_state from tasker.list_ticks(''test'', ''cancel'')',
  $$ values ('pending'), ('cancelled') $$, 'one cancels it');
select is((select reason from tasker.operator_history where verb = 'cancel_task'), 'schedule',
  'for this reason');
select is((pg_temp.every('2030-01-01 03:00Z'))[3],
  '01T01:00 created, 01T02:00 queued, 01T03:00 overlapped', 'one waits, and no more');
select alike(detail ->> 'task_uuid', '%00000', 'the tick names the task that was open')
  from tasker.list_ticks('test', 'queue') where outcome = 'queued';
select is(array(select open_tasks from tasker.list_schedules()), '{3,1,1,1}'::bigint[],
  'how many are open');
select is(pg_temp.fired(), 0, 'nothing moves');

select pg_temp.run_all();
select from tasker.pause_schedule('test', 'queue', 'x');
select is(pg_temp.fired(), 0, 'what is paused starts nothing');
select from tasker.resume_schedule('test', 'queue', 'x');
select is(pg_temp.fired(), 1, 'the tasks have ended: what waited starts');
select is(pg_temp.ticks('queue'), '01T01:00 created, 01T02:00 created, 01T03:00 overlapped',
  'its tick has made a task');
select is((pg_temp.every('2030-01-01 04:00Z'))[3:4], '{"01T01:00 created, 01T02:00 created, '
  '01T03:00 overlapped, 01T04:00 queued", "01T01:00 created, 01T02:00 overlapped, '
  '01T03:00 overlapped, 01T04:00 created"}', 'and counts as open again');

-- A task that has ended in error, and is opened again by an operator, is open.
select pg_temp.run_all();
select tasker.drop_schedule('test', name, 'x') from unnest('{allow,queue,cancel}'::text[]) as name;
select (pg_temp.every('2030-01-01 05:00Z'))[1];
select step_uuid as failed, token from tasker.claim_steps('test', 'w') \gset
select from tasker.fail_step(:'failed', :'token', '"no"', false);
select pg_temp.at('2030-01-01 06:00Z');
select is(pg_temp.fired(), 1, 'a task in error has ended');
select pg_temp.play();
select is((select count(*) from tasker.schedule_ticks where is_open), 1::bigint, 'it is forgotten');
select from tasker.retry_step(:'failed', 'x');
select is_empty('select * from tasker.check_invariants()', 'it is remembered');
select pg_temp.at('2030-01-01 07:00Z');
select is(pg_temp.fired(), 1, 'the next tick');
select alike(pg_temp.ticks('skip'), '%06:00 created, 01T07:00 overlapped', 'minds it');
select ok((select count(*) from tasker.schedule_ticks where is_open) < 3, 'and no more than open');
select is_empty('select * from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
