-- The first fault, or no row. `installs`: the current role is to own everything. A role that could
-- not have installed tasker-sql itself takes the owner of the schema as the one who did.
--
-- Trusted are superusers, the current role, and the roles that it was made a member of; a superuser
-- by another one, because others may give a role of theirs to anybody. Objects without a row in
-- pg_shdepend belong to the first superuser.
with recursive
me as materialized (
  select role.oid, role.rolsuper,
         {installs} or has_database_privilege(current_database(), 'create') as may_install
    from pg_roles as role
   where role.rolname = current_user
),
mine (oid) as (
  select oid from me
   union
  select membership.roleid
    from mine
   cross join me
    join pg_auth_members as membership on membership.member = mine.oid
    left join pg_roles as grantor on grantor.oid = membership.grantor
   where grantor.rolsuper or not me.rolsuper
),
our_schema as materialized (
  select oid, nspname, nspowner
    from pg_namespace
   where nspname in ('tasker', 'tasker_queues', 'pgmq')
),
trusted as materialized (
  select oid from mine
   union
  select oid from pg_roles where rolsuper
   union
  select nspowner from our_schema, me where nspname = 'tasker' and not me.may_install
),
object as (
  select 'pg_namespace'::regclass as class, oid, nspowner as owner from our_schema
   union all
  select inside.classid, inside.objid, coalesce(owned.refobjid, 10)
    from our_schema
    join pg_depend as inside
      on inside.refclassid = 'pg_namespace'::regclass and inside.refobjid = our_schema.oid
    left join pg_shdepend as owned
      on owned.dbid = (select oid from pg_database where datname = current_database())
     and owned.classid = inside.classid
     and owned.objid = inside.objid
     and owned.deptype = 'o'
   union all
  select 'pg_proc'::regclass, fired.oid, fired.proowner
    from our_schema
    join pg_class as relation on relation.relnamespace = our_schema.oid
    join pg_trigger as trigger on trigger.tgrelid = relation.oid
    join pg_proc as fired on fired.oid = trigger.tgfoid
),
version as (
  select relation.*
    from our_schema
    join pg_class as relation
      on relation.relnamespace = our_schema.oid and relation.relname = 'alembic_version'
   where our_schema.nspname = 'tasker'
)
(select format(
          '%s belongs to the role %I, which could act as %I through it: read it, then drop it or '
          'change its owner; or connect as %2$I',
          pg_describe_object(class, oid, 0), pg_get_userbyid(owner), current_user
        ) as fault
   from object
  where owner not in (select oid from trusted)
  order by class <> 'pg_namespace'::regclass, class <> 'pg_proc'::regclass, oid
  limit 1)
 union all
(select format(
          'tasker.alembic_version of the role %I must be an ordinary table without rules, '
          'triggers and row policies', pg_get_userbyid(relowner)
        )
   from version
  where relkind <> 'r'
     or relrowsecurity
     or exists (select from pg_rewrite where ev_class = version.oid)
     or exists (select from pg_trigger where tgrelid = version.oid)
     or exists (select from pg_policy where polrelid = version.oid))
 limit 1
