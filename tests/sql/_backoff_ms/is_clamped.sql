begin;
\ir ../fixtures.psql
select plan(17);

select is((select array_agg(tasker._backoff_ms(kind, 100, 1000000, attempt) order by attempt)
  from generate_series(1, 8) as attempt), waits, kind)
  from (values ('none', '{0,0,0,0,0,0,0,0}'::bigint[]),
    ('linear', '{100,200,300,400,500,600,700,800}'),
               ('exponential', '{100,200,400,800,1600,3200,6400,12800}'),
               ('fibonacci', '{100,100,200,300,500,800,1300,2100}')) as kind (kind, waits);

-- The largest numbers that a definition may hold do not overflow, and never pass the cap.
select is(tasker._backoff_ms(kind, 86400000, 2592000000, attempt), 2592000000,
  format('%s, attempt %s', kind, attempt))
  from unnest(array['linear', 'exponential', 'fibonacci']) as kind, unnest(array[31, 46, 64, 1000])
   as attempt;
select is(tasker._backoff_ms('exponential', 0, 1000, 1000), 0::bigint,
  'nothing times anything is nothing');

select * from finish();
rollback;
