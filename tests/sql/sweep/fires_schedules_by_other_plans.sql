begin;
\ir ../fixtures.psql
select plan(13);
create function pg_temp.plan (p_plan jsonb) returns text language sql as $$
select pg_temp.a_schedule(null, '{"missed": "all"}' || p_plan);
select string_agg(to_char(tick at time zone 'UTC', 'DD"T"HH24:MI:SS'), ' ' order by tick)
  from tasker.schedules, tasker._ticks(definition, decided_until, '2030-01-05Z', 4) as tick
$$;

select is(pg_temp.plan('{"every": "PT7H"}'), '01T06:00:00 01T13:00:00 01T20:00:00 02T03:00:00',
  'S3: every, counted from 1970');
select is(pg_temp.plan('{"every": "PT7H", "starts_at": "2030-01-02T03:04:05Z"}'),
  '02T03:04:05 02T10:04:05 02T17:04:05 03T00:04:05', 'or from its beginning, which is the first');
select is(pg_temp.plan('{"every": "PT7H", "time_zone": "Europe/Berlin"}'),
  '01T06:00:00 01T13:00:00 01T20:00:00 02T03:00:00', 'in no zone');
select is(pg_temp.plan('{"every": "30 s", "ends_at": "2030-01-01T00:01:00Z"}'),
  '01T00:00:30 01T00:01:00', 'until its end, which is the last');
select is(pg_temp.plan('{"at": ["2030-01-03T12:00:00+02:00", "2029-01-01T00:00:00Z",
  "2030-01-02T00:00:00Z", "2030-01-02T00:00:00Z"]}'), '02T00:00:00 03T10:00:00', 'at given times');
select is(pg_temp.plan('{"cron": ["0 3 * * *", "0 3,5 2 1 *"]}'),
  '01T03:00:00 02T03:00:00 02T05:00:00 03T03:00:00', 'several lines');

select from tasker.drop_schedule('test', 'plan', 'x');
select is(pg_temp.a_schedule(null, '{"at": ["2030-01-02T00:00:00Z", "2030-01-03T00:00:00Z"]}'),
  '2030-01-02Z', 'the first of two');
select pg_temp.at('2030-01-02Z'), pg_temp.fired(), pg_temp.at('2030-01-03Z'), pg_temp.fired();
select is(pg_temp.ticks(), '02T00:00 created, 03T00:00 created', 'both are made');
select results_eq('select code, blocks, reason from tasker.explain_schedule(''test'', ''plan'')',
  $$ values ('schedule_ended', true, 'its plan has no more ticks') $$, 'there are no more');

-- S10: late by the same each time it is asked, by half the way to the next at most.
select pg_temp.a_schedule('0 * * * *', '{"jitter": "PT2H"}', 'late');
create temp table delays as
select next.next_tick, next.delay
  from generate_series(timestamptz '2030-01-01Z', '2030-01-02Z', '1 hour') as hour,
       tasker._next_tick('test/late', (select definition from tasker.schedules
                                        where name = 'late'), hour) as next;
select ok((select max(delay) between '20 min' and '30 min' and min(delay) between '0' and '10 min'
             from delays), 'jitter spreads, within half the way');
select pg_temp.at('2030-01-03 00:30Z');
select is((select due_at - next_tick from tasker.schedules where name = 'late'),
  (tasker._next_tick('test/late', definition, '2030-01-03Z')).delay, 'and is stable')
  from tasker.schedules where name = 'late';
select pg_temp.at(due_at - interval '1 s') from tasker.schedules where name = 'late';
select is(pg_temp.fired(), 0, 'it waits for it');
select pg_temp.later('1 s');
select is(pg_temp.fired(), 1, 'and no longer');

select * from finish();
rollback;
