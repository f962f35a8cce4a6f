create or replace function tasker._connection_use ()
  returns table (subject text, used bigint, allowed bigint, who text, most bigint, cure text)
  language sql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- How many connections are in use of those that the server allows to all but superusers, and of
-- those that this database and each role with a limit may have.
--
-- Returns  one row for the server, and one for each such limit; with the role that has the most
with session as materialized (
  select activity.usesysid as role, activity.datid as database, count(*) as number
    from pg_stat_activity as activity
   where activity.datid is not null
     and coalesce(activity.backend_type, 'client backend') = 'client backend'
   group by 1, 2
),
place as (
  select 'the server' as subject, null::oid as role, null::oid as database,
         (select sum(case name when 'max_connections' then 1 else -1 end * setting::bigint)
            from pg_settings
           where name in ('max_connections', 'superuser_reserved_connections',
                          'reserved_connections'))::bigint as allowed,
         'select usename, application_name, state, count(*) from pg_stat_activity '
         'group by 1, 2, 3 order by 4 desc' as cure
   union all
  select format('database %s', datname), null, oid, datconnlimit,
         format('alter database %I connection limit %s', datname, 2 * datconnlimit)
    from pg_database
   where datname = current_database()
     and datconnlimit > 0
   union all
  select format('role %s', rolname), oid, null, rolconnlimit,
         format('alter role %I connection limit %s', rolname, 2 * rolconnlimit)
    from pg_roles
   where rolconnlimit > 0
     and not rolsuper
)
select place.subject, sum(session.number)::bigint, place.allowed,
       coalesce((array_agg(pg_get_userbyid(session.role) order by session.number desc))[1], ''),
       max(session.number), place.cure
  from place
  join session on (place.role is null or place.role = session.role)
              and (place.database is null or place.database = session.database)
 group by place.subject, place.allowed, place.cure;
$$;

comment on function tasker._connection_use is 'How many connections are in use where there is a limit: the server, this database, roles.';
