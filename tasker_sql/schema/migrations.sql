--- holder
-- The session that an upgrade waited for in vain, as far as that can be known afterwards: one that
-- holds a lock on something of ours, else one with changes that are not committed.
select pg_catalog.format('pid %s (%s, role %s, since %s)', other.pid,
         coalesce(nullif(other.application_name, ''), 'unnamed'), other.usename,
         coalesce(to_char(other.xact_start, 'HH24:MI:SS'), 'long'))
  from pg_catalog.pg_stat_activity as other
  left join pg_catalog.pg_locks as held on held.pid = other.pid and held.granted
  left join pg_catalog.pg_class as relation
    on relation.oid = held.relation
   and relation.relnamespace in (select oid from pg_catalog.pg_namespace
                                  where nspname in ('tasker', 'tasker_queues', 'pgmq'))
 where other.datname = pg_catalog.current_database()
   and other.pid <> pg_catalog.pg_backend_pid()
   and (relation.oid is not null or other.backend_xid is not null)
 order by coalesce(relation.relname = 'alembic_version', false) desc,
          relation.oid is null, held.mode like '%Exclusive%' desc, other.xact_start
 limit 1
--- missing_of_pgmq
-- What PGMQ has in every version: without a part of it, it is installed again.
select case when to_regnamespace('pgmq') is null then 'the schema pgmq'
            else format('the %s pgmq.%s', replace(needed.kind, 'call', 'function'),
                        needed.name) end
  from (values ('table', 'meta'), ('type', 'message_record'), ('function', 'create'),
               ('function', 'drop_queue'), ('call', 'send(text, jsonb)'),
               ('function', 'send_batch'), ('function', 'read'), ('function', 'pop'),
               ('function', 'set_vt'), ('call', 'archive(text, bigint)'),
               ('call', 'delete(text, bigint)')) as needed (kind, name)
 where case needed.kind
         when 'table' then to_regclass('pgmq.' || needed.name) is null
         when 'type' then to_regtype('pgmq.' || needed.name) is null
         when 'call' then to_regprocedure('pgmq.' || needed.name) is null
         else not exists (select from pg_catalog.pg_proc
                           where pronamespace = to_regnamespace('pgmq') and proname = needed.name)
       end
--- pgmq_extension
-- PGMQ, unless it is there: https://github.com/pgmq/pgmq, under the PostgreSQL License.
do $$
begin
  if to_regnamespace('pgmq') is null
     and exists (select from pg_catalog.pg_available_extensions where name = 'pgmq') then
    create extension pgmq;
  end if;
exception when insufficient_privilege then
  null;  -- the database's owner may still run the plain SQL
end;
$$;
--- pgmq
-- Where a part of it is there, the tables, with their messages, stay.
do $tasker_sql$
declare
  v_drop text;
begin
  if not exists ({missing}) then
    return;
  end if;
  for v_drop in
    select format('drop routine %s', oid::regprocedure)
      from pg_catalog.pg_proc
     where pronamespace = to_regnamespace('pgmq') and prorettype <> 'trigger'::regtype
     union all
    select format('drop type %s', oid::regtype)
      from pg_catalog.pg_type
     where typnamespace = to_regnamespace('pgmq')
       and typrelid in (select oid from pg_catalog.pg_class where relkind = 'c')
  loop
    execute v_drop;
  end loop;
  execute $pgmq_sql$
{script}
$pgmq_sql$;
  comment on schema pgmq is 'PGMQ {version}, plain SQL';
end;
$tasker_sql$;
