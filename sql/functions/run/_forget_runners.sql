create or replace function tasker._forget_runners (p_now timestamptz)
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Forgets runners that have been gone for a day, the longest gone beyond a thousand of them, and
-- what was wanted of their circuit breakers. A runner that crashes and starts again for ever leaves
-- a row each time.
--
-- Locks    their rows, skipping locked ones
begin
  with old as materialized (
    select runner.name
      from tasker.runners as runner
     where runner.gone_at < p_now - interval '1 day'
        or runner.name in (select gone.name
                             from tasker.runners as gone
                            where gone.gone_at < p_now
                            order by gone.gone_at desc
                           offset 1000)
       for update skip locked
  ),
  forgotten as (
    delete from tasker.runners as runner using old where runner.name = old.name returning old.name
  )
  delete from tasker.forced_breakers as wish
   using forgotten
   where wish.runner = forgotten.name;
end;
$$;

comment on function tasker._forget_runners is 'Forgets runners that have been gone for a day.';
