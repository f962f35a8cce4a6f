begin;
\ir ../fixtures.psql
select plan(13);

-- S2, S3: zone, line, a moment before, the ticks after it.
create temp table known (zone text, line text, after text, ticks text);
insert into known values
  ('Europe/Berlin', '30 2 * * *', '2026-03-27 12:00Z', '28T01:30 29T01:00 30T00:30'),
  ('Europe/Berlin', '30 2 * * *', '2026-10-23 12:00Z', '24T00:30 25T00:30 26T01:30'),
  ('America/New_York', '30 * * * *', '2026-11-01 04:00Z', '01T04:30 01T05:30 01T06:30 01T07:30'),
  ('Australia/Lord_Howe', '15 2 * * *', '2026-10-03 00:00Z', '03T15:30 04T15:15'),
  ('Australia/Lord_Howe', '45 1 * * *', '2026-04-03 00:00Z', '03T14:45 04T14:45 05T15:15'),
  ('Pacific/Apia', '30 2 * * *', '2011-12-29 00:00Z', '29T12:30 30T12:30'),
  ('Africa/Casablanca', '30 2 * * *', '2026-02-13 12:00Z', '14T01:30 15T01:30 16T02:30'),
  ('Africa/Casablanca', '30 2 * * *', '2026-03-20 12:00Z', '21T02:30 22T02:00 23T01:30'),
  ('Africa/Cairo', '0 0 * * *', '2026-04-23 12:00Z', '23T22:00 24T21:00'),
  ('UTC', '0 12 29 2 *', '2096-03-01 00:00Z', '29T12:00 29T12:00'),
  -- Several times in one gap are one tick, which the time at its end shares.
  ('Europe/Berlin', '*/30 2,3 * * *', '2026-03-29 00:00Z', '29T01:00 29T01:30 30T00:00'),
  -- Nothing extra for a gap, where the clock that runs counts.
  ('Europe/Berlin', '30 */2 * * *', '2026-03-28 23:00Z', '28T23:30 29T02:30 29T04:30'),
  -- Both passes of an hour that comes twice.
  ('Europe/Berlin', '30 */2 * * *', '2026-10-24 22:00Z', '24T22:30 25T00:30 25T01:30 25T03:30');
select is((select string_agg(to_char(tick_at at time zone 'UTC', 'DD"T"HH24:MI'), ' '
                             order by tick_at)
             from tasker.next_ticks(line, zone, after::timestamptz,
                                    cardinality(string_to_array(ticks, ' ')))),
          ticks, format('%s, %s after %s', zone, line, after))
  from known;

select * from finish();
rollback;
