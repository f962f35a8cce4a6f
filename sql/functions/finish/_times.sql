create or replace function tasker._times (p_ids bigint[], p_amounts jsonb)
  returns bigint[]
  language sql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- Each id as often as p_amounts says, once when it does not say.
--
-- Returns  null for null
select case when p_ids is not null then array(
         select id
           from unnest(p_ids) as id
          cross join generate_series(1, coalesce((p_amounts ->> id::text)::integer, 1))
          order by id) end;
$$;

comment on function tasker._times is 'Each id as often as the amounts say.';
