create or replace function tasker.contract ()
  returns jsonb
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- What this database knows, for programs: a worker reads which functions, arguments and columns it
-- may use. Made from the catalog, so it cannot be wrong.
--
-- Returns  {"contract", "engine", "functions", "codes", "limits"}
begin
  return jsonb_build_object(
    'contract', '1.0',
    'engine', (select max(version.version_num) from tasker.alembic_version as version),
    'functions', (
      select jsonb_object_agg(reference.name, jsonb_build_object(
               'kind', reference.kind,
               'arguments', (
                 select coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                          'name', function.proargnames[n],
                          'type', format_type(function.proargtypes[n - 1], null),
                          'default', pg_get_function_arg_default(function.oid, n)))
                          order by n), '[]')
                   from generate_series(1, function.pronargs) as n),
               'columns', (
                 select coalesce(jsonb_agg(jsonb_build_object(
                          'name', function.proargnames[n],
                          'type', format_type(function.proallargtypes[n], null)) order by n), '[]')
                   from generate_series(1, cardinality(function.proallargtypes)) as n
                  where function.proargmodes[n] = 't'),
               'codes', reference.codes,
               'comment', reference.meaning))
        from tasker.reference as reference
        join pg_proc as function on function.pronamespace = 'tasker'::regnamespace
                                and function.proname = reference.name
       where reference.kind <> 'view'),
    'codes', (
      select jsonb_object_agg(code.code, jsonb_build_object(
               'about', code.about, 'meaning', code.meaning, 'then', code.remedy))
        from tasker.error_codes as code),
    'limits', (
      select jsonb_object_agg(bound.name, to_jsonb(bound) - 'name')
        from tasker.list_limits() as bound));
end;
$$;

comment on function tasker.contract is
'What this database knows, for programs: {"contract": "1.0", "engine": the revision of the schema, "functions": {name: {"kind", "arguments": [{"name", "type", "default"}], "columns": [{"name", "type"}], "codes", "comment"}}, "codes": {code: {"about", "meaning", "then"}}, "limits": {name: {"value", ...}}}. An argument without a default has no key default. For people there is the view reference.';
