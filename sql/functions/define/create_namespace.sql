create or replace function tasker.create_namespace (p_name text)
  returns table (name text, queue_name text, created boolean)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Creates a namespace and its three queues; an existing one is left as it is (missing queues are
-- made).
--
-- Returns  one row
-- Raises   22023 when the name is not a short identifier
-- Locks    the namespace, against being dropped
-- Calls    _queues_of, _create_queue
#variable_conflict use_column
declare
  v_created boolean;
begin
  if (p_name ~ '^[a-z][a-z0-9_]{0,31}$') is not true then
    raise exception 'bad namespace name'
      using errcode = '22023',
            detail  = format('got %s', coalesce(quote_literal(left(p_name, 100)), 'null')),
            hint    =
              'A name has 1 to 32 characters: a letter a-z, then letters, digits and underscores.';
  end if;
  loop
    insert into tasker.namespaces (name) values (p_name) on conflict (name) do nothing;
    v_created := found;
    perform from tasker.namespaces as namespace where namespace.name = p_name for key share;
    exit when found;  -- else it was dropped just now
  end loop;
  perform tasker._create_queue(queue) from unnest(tasker._queues_of(p_name)) as queue;
  return query select p_name, p_name || '_queue', v_created;
end;
$$;

comment on function tasker.create_namespace is
'Creates a namespace with its PGMQ queues (<name>_queue, _high, _low). Safe to repeat. Raises 22023 when the name is not 1 to 32 characters a-z, 0-9 and _, a letter first.';
