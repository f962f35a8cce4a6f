create or replace function tasker._missing_grant (p_message text, p_role text)
  returns text
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- The statement that gives a role the right whose lack a message of the server names: to use a
-- function, table, sequence or schema of ours.
--
-- Returns  a statement; without a name in the message, one that shows what the role may do
declare
  v_named  constant text[] := regexp_match(
    p_message, 'permission denied for (function|procedure|table|view|sequence|schema) (\w+)');
  v_schema text;
begin
  if v_named[1] = 'schema' then
    return format('grant usage on schema %I to %I', v_named[2], p_role);
  end if;
  select space.nspname into v_schema
    from pg_namespace as space
   where space.nspname in ('tasker', 'tasker_queues', 'pgmq')
     and (exists (select from pg_class where relnamespace = space.oid and relname = v_named[2])
          or exists (select from pg_proc where pronamespace = space.oid and proname = v_named[2]))
   order by space.nspname desc
   limit 1;
  return case
    when v_schema is null
      then format('select nspname, has_schema_privilege(%L, oid, ''usage'') from pg_namespace '
                  'where nspname in (''tasker'', ''tasker_queues'', ''pgmq'')', p_role)
    when v_named[1] in ('function', 'procedure')
      then format('grant execute on routine %I.%I to %I', v_schema, v_named[2], p_role)
    when v_named[1] = 'sequence'
      then format('grant usage on sequence %I.%I to %I', v_schema, v_named[2], p_role)
    else format('grant select, insert, update, delete on %I.%I to %I', v_schema, v_named[2], p_role)
  end;
end;
$$;

comment on function tasker._missing_grant is 'The statement that gives a role the right whose lack a message names.';
