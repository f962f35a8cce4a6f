create or replace function tasker._crons (p_plan jsonb)
  returns tasker.cron[]
  language sql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- The cron lines of a plan, which has one, a list of them, or none.
--
-- Calls    _cron
select array_agg(tasker._cron(line))
  from jsonb_array_elements_text(
         case jsonb_typeof(p_plan -> 'cron') when 'array' then p_plan -> 'cron'
                                             when 'string' then jsonb_build_array(p_plan -> 'cron')
         end) as line;
$$;

comment on function tasker._crons is 'The cron lines of a plan, read. Raises 22023.';
