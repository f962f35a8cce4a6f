create or replace function tasker._read_only ()
  returns table (subject text, object text)
  language sql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Where a setting makes new sessions read-only: for everybody in this database, or for the role of
-- a runner that has not stopped. A role of somebody else may well be read-only.
--
-- Returns  what is read-only, and as the object of ALTER
with setting as materialized (
  select entry.setdatabase, entry.setrole, split_part(said, '=', 2)::boolean as is_on
    from pg_db_role_setting as entry
   cross join unnest(entry.setconfig) as said
   where entry.setdatabase in (0, (select oid from pg_database
                                    where datname = current_database()))
     and said like 'default\_transaction\_read\_only=%'
)
select format('database %s', current_database()), format('database %I', current_database())
 where coalesce(
         (select is_on from setting where setrole = 0 order by setdatabase desc limit 1),
         (select setting::boolean from pg_settings
           where name = 'default_transaction_read_only'
             and source in ('configuration file', 'command line', 'environment variable')),
         false)
 union all
select format('role %s', role.rolname),
       format('role %I in database %I', role.rolname, current_database())
  from pg_roles as role
 where role.rolname in (select runner.role from tasker.runners as runner
                         where runner.state <> 'stopped')
   and (select is_on from setting where setrole = role.oid order by setdatabase desc limit 1);
$$;

comment on function tasker._read_only is 'Where a setting makes new sessions read-only: the database, or the role of a runner.';
