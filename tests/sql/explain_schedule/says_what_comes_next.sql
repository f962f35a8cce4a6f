begin;
\ir ../fixtures.psql
select plan(10);
create function pg_temp.why (p_name text default 'plan') returns text language sql as $$
select string_agg(code || case when blocks then '! ' else ' ' end || reason, ' / ' order by rank)
  from tasker.explain_schedule('test', p_name)
$$;
select pg_temp.at('2026-03-28 20:30Z');
select pg_temp.a_schedule('30 2 * * *', '{"time_zone": "Europe/Berlin", "overlap": "queue"}');

select is(pg_temp.why(), 'schedule_next fires next at 2026-03-29 03:00 Europe/Berlin '
  '(in 4 h 30 min): 02:00 to 03:00 does not exist on this day', 'the next tick');
select pg_temp.at('2026-03-29 01:00:05Z');
select is(pg_temp.why(), 'schedule_due! its tick of 2026-03-29 03:00 Europe/Berlin is due for 5 s; '
  'the next sweep decides it', 'one that is due');
select from tasker.sweep();
select is(pg_temp.why(), 'schedule_next fires next at 2026-03-30 02:30 Europe/Berlin '
  '(in 23 h 29 min)', 'one that was made');
select pg_temp.at('2026-03-30 00:30Z'), pg_temp.fired();
select alike(pg_temp.why(), '% / tick_overlapped its tick of 2026-03-30 02:30 Europe/Berlin waits '
  'for task % to end', 'one that waits');
select pg_temp.at('2026-03-31 00:30Z'), pg_temp.fired(), pg_temp.at('2026-04-01 00:30Z'),
       pg_temp.fired();
select alike(pg_temp.why(), '% / tick_overlapped its last 2 ticks, of 2026-03-31 02:30 '
  'Europe/Berlin to 2026-04-01 02:30 Europe/Berlin, were overlapped by task %', 'some that met it');
select from tasker.pause_schedule('test', 'plan', 'holidays');
select alike(pg_temp.why(), 'schedule_paused! paused by % 0 s ago: holidays / schedule_next would '
  'fire next at 2026-04-02 02:30 Europe/Berlin (in 24 h 0 min) / tick_overlapped%', 'a pause');
select results_eq('select who, since, cure from tasker.explain_schedule(''test'', ''plan'')
                    where rank = 1',
  format('values (%L, timestamptz ''2026-04-01 00:30Z'', %L)', session_user,
         'select * from tasker.resume_schedule(''test'', ''plan'', ''<why>'')'), 'its cure');

select pg_temp.a_schedule('30 2 * * *', '{"missed": "skip"}', 'skips');
select pg_temp.at('2026-04-04 00:30Z'), pg_temp.fired();
select alike(pg_temp.why('skips'), '% / tick_missed its last 3 ticks, of 2026-04-01 02:30 UTC to '
  '2026-04-03 02:30 UTC, were missed (missed: skip)', 'missed ones');
select is((select cure from tasker.explain_schedule('test', 'skips') where code = 'tick_missed'),
  'select * from tasker.plan_backfill(''test'', ''skips'', ''2026-04-01T02:30:00Z'', '
  '''2026-04-03T02:30:00Z'')', 'and how they are made');
select throws_ok('select from tasker.explain_schedule(''test'', ''none'')', 'TK002',
  'schedule not found', 'one that is not there');

select * from finish();
rollback;
