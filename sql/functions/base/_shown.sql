create or replace function tasker._shown (p_value jsonb)
  returns text
  language sql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- What a JSON value is, in a few words: for messages that say what was found.
--
-- Returns  like 'an object with the keys item, price', 'the number 7', 'nothing'
select case jsonb_typeof(p_value)
  when 'object' then case when p_value = '{}' then 'an empty object' else
    'an object with the keys '
    || (select string_agg(left(listed.key, 100), ', ' order by listed.key)
          from (select key from jsonb_object_keys(p_value) as key order by key limit 20) as listed)
    || case when (select count(*) from jsonb_object_keys(p_value)) > 20 then ', ...' else '' end
    end
  when 'array' then format('an array of %s', jsonb_array_length(p_value))
  when 'null' then 'null'
  else coalesce('the ' || jsonb_typeof(p_value) || ' ' || left(p_value::text, 100)
                || case when length(p_value::text) > 100 then '...' else '' end, 'nothing')
end;
$$;

comment on function tasker._shown is 'What a JSON value is, in a few words.';
