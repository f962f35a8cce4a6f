create or replace function tasker._idempotency_keys (p_options jsonb, p_count integer)
  returns text[]
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- The idempotency keys of a call.
--
-- Returns  one key per task; null when the call has none
-- Raises   22023 unless there is a key of 1 to 200 characters for each task
declare
  v_keys jsonb := p_options -> 'idempotency_keys';
begin
  if p_options ? 'idempotency_key' then
    raise exception 'one key cannot make several tasks'
      using errcode = '22023',
            detail = 'create_tasks takes idempotency_keys, an array with a key for each context';
  elsif v_keys is null then
    return null;
  elsif jsonb_typeof(v_keys) <> 'array'
        or jsonb_array_length(v_keys) <> p_count
        or exists (select
                     from jsonb_array_elements(v_keys) as key
                    where jsonb_typeof(key) <> 'string'
                       or length(key #>> '{}') not between 1 and 200) then
    raise exception 'bad idempotency keys'
      using errcode = '22023',
            detail = format('need %s, each a string of 1 to 200 characters', p_count);
  end if;
  return array(select key
                 from jsonb_array_elements_text(v_keys) with ordinality as k (key, position)
                order by position);
end;
$$;

comment on function tasker._idempotency_keys is 'The idempotency keys of a call, one per task. Raises 22023 for bad keys.';
