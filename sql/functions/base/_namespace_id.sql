create or replace function tasker._namespace_id (p_namespace text)
  returns integer
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- The id of a namespace by its name.
--
-- Raises   22023 when the name is null, TK002 when there is no such namespace.
-- Calls    _nearest
declare
  v_namespace_id integer;
begin
  select namespace.namespace_id into v_namespace_id
    from tasker.namespaces as namespace
   where namespace.name = p_namespace;
  if found then
    return v_namespace_id;
  end if;
  if p_namespace is null then
    raise exception 'a namespace is needed' using errcode = '22023', detail = 'p_namespace is null';
  end if;
  raise exception 'namespace not found'
    using
      errcode = 'TK002',
      detail = format('namespace %s', quote_literal(left(p_namespace, 100))),
      hint = coalesce('Did you mean '
          || tasker._nearest(p_namespace, array(select name from tasker.namespaces)) || '? ', '') ||
        'select * from tasker.create_namespace(...) makes one; registering a template does so too.';
end;
$$;

comment on function tasker._namespace_id is 'The id of a namespace by its name. Raises TK002 when there is none.';
