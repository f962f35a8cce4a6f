create or replace function tasker._lagging_sequences ()
  returns table (sequence_name text, table_name text, highest_id bigint)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Sequences that would give out ids that are in use. Logical replication copies rows and no
-- sequences, so a subscriber that takes over has them all.
--
-- Returns  no rows when all is well; what the caller may not read is left out
#variable_conflict use_column
declare
  v_known record;
begin
  for v_known in
    select namespace.nspname, c.relname, a.attname,
           pg_get_serial_sequence(format('%I.%I', namespace.nspname, c.relname), a.attname)
             as sequence_name
      from pg_attribute as a
      join pg_class as c on c.oid = a.attrelid and c.relkind = 'r'
      join pg_namespace as namespace on namespace.oid = c.relnamespace
     where namespace.nspname in ('tasker', 'pgmq')
       and a.attidentity <> ''
     union all
    select 'tasker', 'tasks', 'task_id', 'tasker.task_ids'
  loop
    table_name    := format('%I.%I', v_known.nspname, v_known.relname);
    sequence_name := v_known.sequence_name;
    continue when not (has_table_privilege(table_name, 'select')
                       and has_sequence_privilege(sequence_name, 'usage, select'));
    execute format('select max(%I) from %I.%I', v_known.attname, v_known.nspname, v_known.relname)
       into highest_id;
    if table_name like 'pgmq.q\_%'  -- an archive has the ids of its queue
       and has_table_privilege(to_regclass(format('pgmq.%I', 'a_' || substr(v_known.relname, 3))),
                               'select') then
      execute format('select greatest(max(msg_id), $1) from pgmq.%I',
                     'a_' || substr(v_known.relname, 3))
         into highest_id using highest_id;
    end if;
    if highest_id > coalesce(pg_sequence_last_value(sequence_name::regclass), 0) then
      return next;
    end if;
  end loop;
end;
$$;

comment on function tasker._lagging_sequences is 'Sequences that would give out ids that are in use, as on a subscriber of logical replication that takes over.';
