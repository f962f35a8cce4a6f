-- W1: a wait opens when its last parent ends, and holds nothing; its moment ends it.
begin;
\ir ../fixtures.psql
select plan(19);
select pg_temp.gated('t', '[{"name": "a"}, {"name": "day", "dependencies": ["a"],
  "wait": {"for": "P1D"}}, {"name": "opening", "dependencies": ["a"],
  "wait": {"until": "$.context.opens_at"}}, {"name": "z", "dependencies": ["day", "opening"]}]');
select pg_temp.a_task('t', '{"opens_at": "2030-01-03T08:00:00+01:00"}') as task \gset
select is(pg_temp.ends(:'task'), 'a enqueued, day pending, opening pending, z pending', 'before');
select pg_temp.play();
select is(pg_temp.ends(:'task'), 'a complete, day waiting, opening waiting, z pending', 'open');
select results_eq('select kind, opened_at, until from tasker.waits order by step_id', $$ values
  ('time', timestamptz '2030-01-01Z', timestamptz '2030-01-02Z'),
  ('time', timestamptz '2030-01-01Z', timestamptz '2030-01-03T07:00Z') $$, 'the moments');
select is_empty('select from tasker.claims union all select from tasker.timers', 'no claim');
select is((select array_agg(attempt) from pg_temp.step_states(:'task') where state = 'waiting'),
  '{0,0}', 'and is not an attempt');
select alike((select reason from tasker.explain_step(pg_temp.step(:'task', 'day'))),
  'waits until 2030-01-02 %, for 24 h 0 min more', 'explain says so');
select alike((select reason from tasker.explain_step(pg_temp.step(:'task', 'z')) limit 1),
  'waits for day: waits until %', 'also of what is behind it');
select is_empty('select * from tasker.check_invariants()', 'all is well');
select pg_temp.later('1 day');
select is((select affected from tasker.sweep() where action = 'alarms_fired'), 1, 'one rings');
select is(pg_temp.ends(:'task'), 'a complete, day complete, opening waiting, z pending',
  'one ends');
select is((select result from tasker.task_results(:'task') where name = 'day'),
  '{"outcome": "time", "value": null, "signals": []}', 'its result');
select pg_temp.later('2 days');
select pg_temp.play();
select is(pg_temp.task_state(:'task'), 'complete', 'an idle claim does the same');
select is_empty('select from tasker.alarms union all select from tasker.waits', 'nothing is left');
select set_eq(format('select * from pg_temp.history(%L)', pg_temp.step(:'task', 'day')),
  array['step pending -> waiting', 'step waiting -> complete'], 'history');

-- A moment that has passed ends it at once; a sink ends its task; a first step waits, too.
select pg_temp.gated('u', '[{"name": "a", "wait": {"until": "2029-01-01T00:00Z"}},
  {"name": "b", "dependencies": ["a"], "wait": {"for": "PT1H"}}]');
select pg_temp.a_task('u') as task \gset
select is(pg_temp.ends(:'task'), 'a complete, b waiting', 'at once');
select is(pg_temp.task_state(:'task'), 'in_progress', 'without a worker');
select pg_temp.later('1 hour');
select from tasker.sweep();
select is(pg_temp.task_state(:'task'), 'complete', 'the last one');

-- A document without a moment is an error, and not a wait without end.
select pg_temp.a_task('t', '{"opens_at": "tomorrow"}') as task \gset
select pg_temp.play();
select is((select error ->> 'message' from tasker.task_results(:'task') where name = 'opening'),
  '$.context.opens_at is not a time to wait for: it is the string "tomorrow", need a time with its '
  'zone, such as 2026-01-31T09:30:00Z', 'said');
select is_empty('select * from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
