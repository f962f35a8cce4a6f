create or replace function tasker._error (p_error jsonb)
  returns jsonb
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- An attempt's error as it is stored: always an object with a message, never more than 64 KiB.
-- A step must always be able to fail, so nothing is refused here: what is too large is cut.
--
-- Returns  the error object; {"message": ...} around anything else; "truncated": true when cut
declare
  v_error   jsonb := case
    when jsonb_typeof(p_error) = 'object' then p_error
    else jsonb_build_object('message', coalesce(p_error #>> '{}', 'no error was given'))
  end;
  v_message text  := coalesce(v_error ->> 'message', 'no message was given');
begin
  if pg_column_size(v_error) > 65536 then
    return jsonb_strip_nulls(jsonb_build_object(
      'type', left(v_error ->> 'type', 200),
      'code', left(v_error ->> 'code', 200),
      'message', left(v_message, 8000),
      'truncated', true
    ));
  end if;
  return v_error || jsonb_build_object('message', v_message);
end;
$$;

comment on function tasker._error is 'An attempt''s error as stored: an object with a message, cut to 64 KiB. Never refuses, so that a step can always fail.';
