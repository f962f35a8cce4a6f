begin;
\ir ../fixtures.psql
select plan(16);
create function pg_temp.planned (p_from text, p_to text) returns text language sql as $$
select concat_ws(' ', case when plan_uuid is not null then 'a plan' end, ticks, already,
                 to_char(first_tick at time zone 'UTC', 'DD"T"HH24:MI'),
                 to_char(last_tick at time zone 'UTC', 'DD"T"HH24:MI'))
  from tasker.plan_backfill('test', 'plan', p_from::timestamptz, p_to::timestamptz)
$$;
create function pg_temp.applied (p_limit integer) returns text language sql as $$
select concat_ws(' ', applied, refused, remaining)
  from tasker.apply_repair((select plan_uuid from tasker.repair_plans order by planned_at desc
                             limit 1), 'lost', p_limit)
$$;
select pg_temp.a_schedule('0 3 * * *', '{"overlap": "skip"}');
select pg_temp.at('2030-01-08 12:00Z'), pg_temp.fired();
select is(pg_temp.ticks(), '01T03:00 missed 7, 08T03:00 created', 'a week asleep');

select is(pg_temp.planned('2029-12-31 00:00Z', '2030-01-08 12:00Z'), 'a plan 8 1 31T03:00 07T03:00',
  'what has no task, from before it was there');
select is((select count(*) from tasker.tasks), 1::bigint, 'nothing is made yet');
select is(pg_temp.applied(3), '3 0 5', 'some are made');
select is(pg_temp.ticks(), '31T03:00 backfilled, 01T03:00 backfilled, 02T03:00 backfilled, '
  '03T03:00 missed 5, 08T03:00 created', 'the row of the others begins later');
select is(pg_temp.applied(100), '5 0 0', 'the rest');
select is((select count(*) from tasker.list_ticks('test', 'plan') where outcome = 'backfilled'),
  8::bigint, 'no tick is missed any more');
select results_eq('select context -> ''schedule'' ->> ''tick_at'', created_at from tasker.tasks
                    order by 1 limit 1',
  $$ values ('2029-12-31T03:00:00Z', timestamptz '2030-01-08 12:00Z') $$, 'each knows its tick');
select is(pg_temp.planned('2029-12-31 00:00Z', '2030-01-08 12:00Z'), '0 9', 'no plan is needed');
select is((select open_tasks from tasker.list_schedules()), 9::bigint, 'its tasks are open ones');

-- What is made meanwhile is not planned; a pause does not matter.
select from tasker.pause_schedule('test', 'plan', 'x');
select pg_temp.at('2030-01-10 12:00Z');
select is(pg_temp.planned('2030-01-09 03:00Z', '2030-01-10 03:00Z'),
  'a plan 2 0 09T03:00 10T03:00', 'both bounds are included');
select is(pg_temp.applied(100), '2 0 0', 'ticks that are not decided yet');
select from tasker.resume_schedule('test', 'plan', 'x');
select is(pg_temp.fired(), 1, 'are decided then');
select is((select last_outcome from tasker.list_schedules()), 'backfilled', 'as they were');
select is((select count(*) from (values (null, '2030-01-01Z'), ('2030-01-01Z', null),
             ('2030-01-02Z', '2030-01-01Z'), ('2030-01-01Z', '2030-02-01Z'),
             ('-infinity', '2030-01-01Z')) as bad (a, b)
            where pg_temp.refusal(format('select pg_temp.planned(%L, %L)', a, b)) like '22023:%'),
  5::bigint, 'bounds that are none');
select is_empty('select * from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
