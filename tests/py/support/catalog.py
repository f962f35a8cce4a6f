"""Everything that the catalog says about the schema `tasker`, in a form that can be compared."""

from __future__ import annotations

from servers import rows

# One row for each object: what it is, its name, its definition with comment and rights.
SNAPSHOT = """
with
relation as (
  select c.oid, c.relname, c.relkind, c.relacl, c.reloptions
    from pg_class as c
   where c.relnamespace = 'tasker'::regnamespace
     and c.relname not like 'alembic_version%'
),
routine as (
  select p.oid, p.prokind, p.proacl
    from pg_proc as p
   where p.pronamespace = 'tasker'::regnamespace
)
select 'relation' as kind, relname::text as name,
       concat_ws(' | ', relkind, reloptions, relacl, obj_description(oid, 'pg_class')) as definition
  from relation
 union all
select 'column', concat_ws('.', relname, attname),
       concat_ws(' | ', attnum, format_type(atttypid, atttypmod), attnotnull, attidentity,
                 attgenerated, attstorage, pg_get_expr(adbin, adrelid), attacl,
                 col_description(relation.oid, attnum))
  from relation
  join pg_attribute as a on a.attrelid = relation.oid and a.attnum > 0 and not a.attisdropped
  left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
 union all
select 'view', relname::text, pg_get_viewdef(oid)
  from relation where relkind in ('v', 'm')
 union all
select 'index', relname::text, pg_get_indexdef(oid)
  from relation where relkind in ('i', 'I')
 union all
select 'constraint', concat_ws('.', conrelid::regclass, conname),
       concat_ws(' | ', pg_get_constraintdef(c.oid), obj_description(c.oid, 'pg_constraint'))
  from pg_constraint as c
  join relation on relation.oid = c.conrelid
 union all
select 'routine', oid::regprocedure::text,
       concat_ws(' | ', pg_get_functiondef(oid), proacl, obj_description(oid, 'pg_proc'))
  from routine where prokind <> 'a'
 union all
select 'trigger', concat_ws('.', relname, tgname), pg_get_triggerdef(t.oid)
  from pg_trigger as t
  join relation on relation.oid = t.tgrelid
 where not t.tgisinternal
 union all
select 'policy', concat_ws('.', relname, polname),
       concat_ws(' | ', polcmd, polroles, pg_get_expr(polqual, polrelid),
                 pg_get_expr(polwithcheck, polrelid))
  from pg_policy as p
  join relation on relation.oid = p.polrelid
 union all
select 'type', t.typname::text,
       concat_ws(' | ', t.typtype, format_type(t.typbasetype, t.typtypmod), t.typnotnull,
                 array(select e.enumlabel from pg_enum as e
                        where e.enumtypid = t.oid order by e.enumsortorder),
                 array(select pg_get_constraintdef(c.oid) from pg_constraint as c
                        where c.contypid = t.oid order by c.conname),
                 obj_description(t.oid, 'pg_type'))
  from pg_type as t
 where t.typnamespace = 'tasker'::regnamespace
   and t.typname not like '%alembic_version'
 union all
select 'schema', nspname::text, concat_ws(' | ', nspacl, obj_description(oid, 'pg_namespace'))
  from pg_namespace where nspname = 'tasker'
"""


def snapshot(dsn: str) -> dict[tuple[str, str], str]:
    """The definition of every object in the schema, by kind and name; nothing without a schema."""
    if rows(dsn, "select to_regnamespace('tasker') is null") == [(True,)]:
        return {}
    return {(kind, name): definition for kind, name, definition in rows(dsn, SNAPSHOT)}


def differences(before: dict[tuple[str, str], str], after: dict[tuple[str, str], str]) -> list[str]:
    """What is not the same, one line for each object, with both definitions."""
    return [
        f"{kind} {name}:\n  was {before.get((kind, name))}\n  is  {after.get((kind, name))}"
        for kind, name in sorted(before.keys() | after.keys())
        if before.get((kind, name)) != after.get((kind, name))
    ]
