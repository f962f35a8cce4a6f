begin;
\ir ../fixtures.psql
select plan(12);
select pg_temp.a_template('single', '{"only": []}');
create function pg_temp.put (p_more jsonb default '{}') returns text language sql as $$
select concat_ws(' ', namespace || '/' || name, case when created then 'created' end,
                 case when changed then 'changed' end,
                 to_char(next_tick at time zone 'UTC', 'DD"T"HH24:MI'))
  from tasker.put_schedule('test', 'plan', '{"template": "single", "cron": "0 3 * * *"}' || p_more)
$$;

select is(pg_temp.put(), 'test/plan created changed 01T03:00', 'it is made');
select is(pg_temp.put(), 'test/plan 01T03:00', 'the same again changes nothing (S9)');
select is(pg_temp.put('{"missed": "one", "time_zone": "UTC", "description": null}'),
  'test/plan 01T03:00', 'nor does what was meant anyway');
select pg_temp.at('2030-01-01 03:00Z');
select is(pg_temp.fired(), 1, 'it fires');
select is(pg_temp.put('{"cron": "0 3,4 * * *"}'), 'test/plan changed 01T04:00', 'a change');
select is(pg_temp.put('{"starts_at": "2030-01-01T00:00:00Z"}'), 'test/plan changed 02T03:00',
  'fires nothing a second time');
select is(pg_temp.put('{"starts_at": "2031-05-04T00:00:00Z"}'), 'test/plan changed 04T03:00',
  'may begin later');
select is(pg_temp.put('{"ends_at": "2030-01-01T02:00:00Z"}'), 'test/plan changed', 'or have ended');
select is(pg_temp.put(), 'test/plan changed 02T03:00', 'and go on');
select pg_temp.at('2030-01-02 03:00Z');
select is(pg_temp.put('{"cron": "0 5 * * *"}'), 'test/plan changed 02T05:00',
  'while a tick is due');
select is(pg_temp.ticks(), '01T03:00 created, 02T03:00 missed 1', 'that tick is missed');
select is_empty('select * from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
