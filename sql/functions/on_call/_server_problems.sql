create or replace function tasker._server_problems ()
  returns table (
    severity text, code text, subject text, since timestamptz, problem text, cure text,
    amount bigint
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set jit = off
as $$
-- What keeps the server from taking work: it is read-only, connections run short, or functions of
-- ours are gone.
--
-- Returns  problems
-- Calls    known_runners, _read_only, _connection_use
#variable_conflict use_column
begin
  return query
  select 'critical', 'read_only', 'this server', null::timestamptz,
         'it is a standby, and no runner reports through its primary: let runners and applications '
         'connect to the primary, or promote this one',
         'select pg_promote()', null::bigint
   where pg_is_in_recovery()
     and not exists (select from tasker.known_runners as runner where runner.is_live)
  union all
  select 'critical', 'read_only', blocked.subject, null,
         'default_transaction_read_only is on: nothing can be created, claimed or finished there',
         format('begin read write; alter %s set default_transaction_read_only = off; commit',
                blocked.object), null
    from tasker._read_only() as blocked
  union all
  select case when place.used >= place.allowed then 'critical' else 'warning' end,
         'too_many_connections', place.subject, null,
         format('%s of %s connections are in use, most of them (%s) by %s', place.used,
                place.allowed, place.most, place.who),
         place.cure, place.used
    from tasker._connection_use() as place
   where place.used >= 0.9 * place.allowed
  union all
  select 'critical', 'schema_changed', 'schema tasker', null,
         format('functions or views of tasker-sql are gone: %s%s',
                array_to_string((array_agg(gone.name order by gone.name))[1:5], ', '),
                case when count(*) > 5 then format(' and %s more', count(*) - 5) else '' end),
         'tasker-sql db upgrade', count(*)
    from (select jsonb_object_keys(made.definitions) as name
            from (select definitions from tasker.installations
                   order by number desc limit 1) as made
          except
          select proname from pg_proc where pronamespace = 'tasker'::regnamespace
          except
          select relname from pg_class where relnamespace = 'tasker'::regnamespace) as gone
  having count(*) > 0;
end;
$$;

comment on function tasker._server_problems is 'problems: what keeps the server from taking work.';
