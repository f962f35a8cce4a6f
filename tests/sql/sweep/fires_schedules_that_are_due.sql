begin;
\ir ../fixtures.psql
select plan(13);
select is(pg_temp.a_schedule('30 2 * * *', '{"time_zone": "Europe/Berlin", "context": {"kind": 1},
  "options": {"priority": "high", "tags": ["night"]}}'), '2030-01-01 01:30Z', 'its first tick');
select is(pg_temp.fired(), 0, 'is not due');
select pg_temp.at('2030-01-01 01:30:00.7Z');
select is(pg_temp.fired(), 1, 'now it is (S4)');
select is(pg_temp.fired(), 0, 'once');
select results_eq('select wall::text, decided_at, outcome, task_state, detail
                     from tasker.list_ticks(''test'', ''plan'')',
  $$ values ('2030-01-01 02:30:00', timestamptz '2030-01-01 01:30:00.7Z', 'created', 'pending',
             null::jsonb) $$, 'its tick');
select results_eq('select context, priority, tags, initiator, created_at from tasker.tasks',
  $$ values ('{"kind": 1, "schedule": {"name": "plan", "tick_at": "2030-01-01T01:30:00Z",
               "wall": "2030-01-01T02:30:00"}}'::jsonb, 1::smallint, '{night}'::text[],
             'schedule test/plan', timestamptz '2030-01-01 01:30:00.7Z') $$, 'its task');
select is((select idempotency_key from tasker.idempotency_keys),
  'schedule:test/plan:2030-01-01T01:30:00Z', 'has the key of the tick');
select is(pg_temp.run_all(), 1, 'it runs');
select results_eq('select next_tick, last_tick, last_outcome, open_tasks
                     from tasker.list_schedules()',
  $$ values (timestamptz '2030-01-02 01:30Z', timestamptz '2030-01-01 01:30Z', 'created',
             0::bigint) $$, 'the schedule moves on');

select from tasker.drop_schedule('test', 'plan', 'again');
select pg_temp.a_schedule('30 1 * * *', '{"starts_at": "2030-01-01T00:00:00Z"}');
select is(pg_temp.fired(), 1, 'one of the same name has its tick');
select results_eq('select outcome, task_state from tasker.list_ticks(''test'', ''plan'')',
  $$ values ('created', 'complete') $$, 'and finds its task made');
select is((select count(*) from tasker.tasks), 1::bigint, 'once');
select is_empty('select * from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
