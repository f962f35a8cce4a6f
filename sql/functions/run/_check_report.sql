create or replace function tasker._check_report (p_report jsonb)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Guards what a runner reports: one bad report must not break a view for all others.
--
-- Raises   22023 naming what is wrong, TK006
-- Calls    _check_keys, _check_json, _check_text, _check_number, _reported_pools,
--          _reported_breakers, _reported_troubles
declare
  v_keys constant text[] := array['host', 'pid', 'version', 'uptime', 'state', 'status',
                                  'namespaces', 'pools', 'breakers', 'connections'];
  v_wrong text;
begin
  perform tasker._check_keys(p_report, 'the report',
                             v_keys || array['handlers', 'troubles', 'counters'], v_keys);
  perform tasker._check_json(p_report, 'the report', 'context_bytes');
  perform tasker._check_text(p_report -> key, key, '^.{1,200}$')
     from unnest(array['host', 'version', 'state', 'status']) as key;
  perform tasker._check_number(p_report -> 'pid', 'pid', 0, 2147483647, null);
  if jsonb_typeof(p_report -> 'uptime') <> 'number'
     or (p_report ->> 'uptime')::numeric not between 0 and 1e10
  then
    raise exception 'bad report of a runner'
      using errcode = '22023', detail = 'uptime must be seconds from 0 to 1e10';
  end if;
  begin
    perform from jsonb_array_elements_text(p_report -> 'namespaces');
    perform from jsonb_array_elements_text(p_report -> 'handlers');
    if exists (select scaled_ago from tasker._reported_pools(p_report -> 'pools')
                where scaled_ago not between 0 and 1e10
                union all
               select changed_ago from tasker._reported_breakers(p_report -> 'breakers')
                where changed_ago not between 0 and 1e10
                union all
               select since_ago from tasker._reported_troubles(p_report -> 'troubles')
                where since_ago not between 0 and 1e10)
    then
      raise invalid_parameter_value using message = 'an age must be seconds from 0 to 1e10';
    end if;
    if jsonb_typeof(p_report -> 'connections') <> 'object' then
      raise invalid_parameter_value using message = 'connections must be an object';
    end if;
    if jsonb_typeof(p_report -> 'counters') <> 'object' then
      raise invalid_parameter_value using message = 'counters must be an object';
    end if;
  exception when data_exception then
    get stacked diagnostics v_wrong = message_text;
    raise exception 'bad report of a runner' using errcode = '22023', detail = v_wrong;
  end;
end;
$$;

comment on function tasker._check_report is 'Guards what a runner reports. Raises 22023, TK006.';
