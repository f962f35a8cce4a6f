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
    select format('%I.%I', c.relnamespace::regnamespace, c.relname) as table_name,
           a.attname as column_name,
           pg_get_serial_sequence(format('%I.%I', c.relnamespace::regnamespace, c.relname),
                                  a.attname) as sequence_name,
           -- an archive has the ids of its queue
           to_regclass('pgmq.' || quote_ident('a_' || substr(c.relname, 3))) as archive
      from pg_attribute as a
      join pg_class as c on c.oid = a.attrelid and c.relkind = 'r'
     where c.relnamespace in (to_regnamespace('tasker'), to_regnamespace('pgmq'))
       and a.attidentity <> ''
     union all
    select 'tasker.tasks', 'task_id', 'tasker.task_ids', null
  loop
    table_name    := v_known.table_name;
    sequence_name := v_known.sequence_name;
    continue when not (has_table_privilege(table_name, 'select')
                       and has_sequence_privilege(sequence_name, 'usage, select'));
    execute format('select max(%I) from %s', v_known.column_name, table_name) into highest_id;
    if table_name like 'pgmq.q\_%' and v_known.archive is not null
       and has_table_privilege(v_known.archive, 'select') then
      execute format('select greatest(max(msg_id), $1) from %s', v_known.archive)
         into highest_id using highest_id;
    end if;
    if highest_id > coalesce(pg_sequence_last_value(sequence_name::regclass), 0) then
      return next;
    end if;
  end loop;
end;
$$;

comment on function tasker._lagging_sequences is 'Sequences that would give out ids that are in use, as on a subscriber of logical replication that takes over.';
