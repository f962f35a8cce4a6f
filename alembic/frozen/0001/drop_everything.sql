-- At revision 0001, everything in the schema but alembic's own table was made by tables.sql;
-- so were the queues, by it or by namespaces.
do $$
declare
  v_statement text;
begin
  for v_statement in
    select format('select pgmq.drop_queue(%L)', queue.name)
      from (select namespace.name || '_queue' || suffix as name
              from tasker.namespaces as namespace
             cross join unnest(array['', '_high', '_low']) as suffix
            union all
            select unnest(array['orchestration_step_results', 'orchestration_task_requests'])
           ) as queue
     where to_regclass(format('pgmq.%I', 'q_' || queue.name)) is not null
  loop
    execute v_statement;
  end loop;
  for v_statement in
    select format('drop table tasker.%I cascade', c.relname)
      from pg_catalog.pg_class as c
     where c.relnamespace = 'tasker'::regnamespace
       and c.relkind in ('r', 'p')
       and not c.relispartition
       and c.relname <> 'alembic_version'
  loop
    execute v_statement;
  end loop;
  for v_statement in
    select format('drop routine %s cascade', p.oid::regprocedure)
      from pg_catalog.pg_proc as p
     where p.pronamespace = 'tasker'::regnamespace
  loop
    execute v_statement;
  end loop;
  for v_statement in
    select format('drop sequence tasker.%I cascade', c.relname)
      from pg_catalog.pg_class as c
     where c.relnamespace = 'tasker'::regnamespace
       and c.relkind = 'S'
  loop
    execute v_statement;
  end loop;
  for v_statement in
    select format('drop type tasker.%I cascade', t.typname)
      from pg_catalog.pg_type as t
     where t.typnamespace = 'tasker'::regnamespace
       and t.typelem = 0
       and t.typrelid = 0
     union all
    select format('drop type tasker.%I cascade', c.relname)
      from pg_catalog.pg_class as c
     where c.relnamespace = 'tasker'::regnamespace
       and c.relkind = 'c'
  loop
    execute v_statement;
  end loop;
end;
$$;
