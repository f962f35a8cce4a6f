create or replace function tasker._error (p_error jsonb)
  returns jsonb
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- An attempt's error as it is stored: always an object with a message, never more than error_bytes,
-- never deeper than json_depth. A step must always be able to fail, so nothing is refused here:
-- what is too large is cut.
--
-- Returns  the error object; {"message": ...} around anything else; "truncated": true when cut
-- Calls    _limit, _is_deep
declare
  v_bytes   constant integer := pg_column_size(p_error #> '{}');
  v_most    integer;
  v_message text;
begin
  if v_bytes > 1024 then
    v_most := tasker._limit('error_bytes');
    if v_bytes > v_most or tasker._is_deep(p_error, tasker._limit('json_depth')) then
      v_message := case when jsonb_typeof(p_error) = 'object' then p_error ->> 'message'
                        else p_error #>> '{}' end;
      return jsonb_strip_nulls(jsonb_build_object(
        'type', left(p_error ->> 'type', 200),
        'code', left(p_error ->> 'code', 200),
        'message', left(coalesce(v_message, 'no message was given'), least(v_most / 8, 8000)),
        'truncated', true
      ));
    end if;
  end if;
  if jsonb_typeof(p_error) = 'object' then
    return p_error || jsonb_build_object(
      'message', coalesce(p_error ->> 'message', 'no message was given'));
  end if;
  return jsonb_build_object('message', coalesce(p_error #>> '{}', 'no error was given'));
end;
$$;

comment on function tasker._error is 'An attempt''s error as stored: an object with a message, cut to error_bytes. Never refuses, so that a step can always fail.';
