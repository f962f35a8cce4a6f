begin;
select plan(1);
set local search_path = tap, public;
select results_eq($$ select tasker._ago(time)
  from unnest(array['-1 second', '0', '0.44 seconds', '7 seconds', '9.96 seconds', '10 seconds',
    '119 seconds', '2 minutes', '119 minutes',
                       '2 hours', '47 hours 59 minutes', '2 days', '40 days 5 hours']::interval[])
                       as time $$,
  array['0 s', '0 s', '0.4 s', '7 s', '10 s', '10 s', '119 s', '2 min', '119 min', '2 h 0 min',
    '47 h 59 min', '2 d 0 h', '40 d 5 h'], 'from seconds to days');
select * from finish();
rollback;
