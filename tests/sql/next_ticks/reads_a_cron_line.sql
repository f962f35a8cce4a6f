begin;
\ir ../fixtures.psql
select plan(32);

-- S1: a line, and its ticks after 2030-01-01 00:00, a Tuesday, as month-dayThour:minute.
create temp table line (cron text, ticks text);
insert into line values
  ('* * * * *', '01-01T00:01 01-01T00:02'),
  ('*/20 1 * * *', '01-01T01:00 01-01T01:20 01-01T01:40 01-02T01:00'),
  ('5-8/2,30 9-10 * * *', '01-01T09:05 01-01T09:07 01-01T09:30 01-01T10:05'),
  ('0 0 13 * fri', '01-04T00:00 01-11T00:00 01-13T00:00'),
  ('0 0 */2 * fri', '01-11T00:00 01-25T00:00 02-01T00:00'),
  ('0 0 * * 7', '01-06T00:00 01-13T00:00'),
  ('0 0 * * 0', '01-06T00:00 01-13T00:00'),
  ('0 0 * * 5-7', '01-04T00:00 01-05T00:00 01-06T00:00 01-11T00:00'),
  ('0 0 * * Fri-Sun', '01-04T00:00 01-05T00:00 01-06T00:00 01-11T00:00'),
  ('0 0 1 feb,APR *', '02-01T00:00 04-01T00:00'),
  (E'  @monthly\t', '02-01T00:00 03-01T00:00'),
  ('@WEEKLY', '01-06T00:00 01-13T00:00'),
  ('@yearly', '01-01T00:00'), ('@hourly', '01-01T01:00'), ('@midnight', '01-02T00:00');
select is((select string_agg(to_char(wall, 'MM-DD"T"HH24:MI'), ' ' order by tick_at)
             from tasker.next_ticks(cron, 'UTC', '2030-01-01Z',
                                    cardinality(string_to_array(ticks, ' ')))), ticks, cron)
  from line;

create temp table bad (cron text, why text);
insert into bad values
  ('0 0 * *', '''0 0 * *'' has 4, need 5: minute, hour, day of the month, month, day of the week'),
  ('0 0 0 * * *', '''0 0 0 * * *'' has 6 fields, need 5: seconds and years are not supported'),
  ('60 * * * *', 'the minute ''60'': need numbers from 0 to 59'),
  ('* 24 * * *', 'the hour ''24'': need numbers from 0 to 23'),
  ('* * 0 * *', 'the day of the month ''0'': need numbers from 1 to 31'),
  ('* * * 13 *', 'the month ''13'': need numbers from 1 to 12'),
  ('* * * * 8', 'the day of the week ''8'': need numbers from 0 to 7'),
  ('* * L * *', 'the day of the month ''L'': L, W, # and ? are not supported'),
  ('* * 15W * *', 'the day of the month ''15W'': L, W, # and ? are not supported'),
  ('* * * * fri#2', 'the day of the week ''FRI#2'': L, W, # and ? are not supported'),
  ('* * ? * *', 'the day of the month ''?'': L, W, # and ? are not supported'),
  ('*/0 * * * *', 'the minute ''*/0'': need a step from 1 to 59'),
  ('*/90 * * * *', 'the minute ''*/90'': need a step from 1 to 59'),
  ('5/15 * * * *', 'the minute ''5/15'': a step needs a range; write 5-59/15'),
  ('* 22-2 * * *', 'the hour ''22-2'': a range goes upward; write 22-23,0-2'),
  ('1-sun * * * *', 'the minute ''1-SUN'': need *, 0 to 59, a range such as 0-59, a step such as '
                    '*/2, or a list'),
  ('@often', '@often; known are @daily, @hourly, @weekly, @yearly, @monthly, @annually, @midnight');
select is(pg_temp.refusal(format('select from tasker.next_ticks(%L)', cron)), '22023: ' || why,
          cron)
  from bad;

select * from finish();
rollback;
