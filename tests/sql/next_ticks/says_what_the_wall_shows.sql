begin;
\ir ../fixtures.psql
select plan(5);
set local timezone = 'Asia/Tokyo';

select results_eq($$ select wall::text, note
                       from tasker.next_ticks('30 2 * * *', 'Europe/Berlin', '2026-03-28Z', 3) $$,
  $$ values ('2026-03-28 02:30:00', null),
            ('2026-03-29 03:00:00', '02:00 to 03:00 does not exist on this day'),
            ('2026-03-30 02:30:00', null) $$, 'a gap');
select results_eq($$ select wall::text, note
                       from tasker.next_ticks('30 * * * *', 'Europe/Berlin', '2026-10-25Z', 3) $$,
  $$ values ('2026-10-25 02:30:00', 'first of two'), ('2026-10-25 02:30:00', 'second of two'),
            ('2026-10-25 03:30:00', null) $$, 'an hour that comes twice');
select results_eq($$ select tick_at, wall, note from tasker.next_ticks('@daily') limit 1 $$,
  $$ values (timestamptz '2030-01-02Z', timestamp '2030-01-02', null::text) $$,
  'of UTC, after now');
select is((select count(*) from tasker.next_ticks('@daily', null, null, null)), 10::bigint,
  'null means the default');
select is_empty($$ select * from tasker.next_ticks('0 0 31 2,4,6,9,11 *') $$,
  'a day that never comes');

select * from finish();
rollback;
