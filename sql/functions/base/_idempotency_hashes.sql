create or replace function tasker._idempotency_hashes (p_namespace text, p_name text, p_keys text[])
  returns uuid[]
  language sql
  immutable
begin atomic
-- Keys are unique within a template's name; the hash makes them so over all of them. Null for no
-- keys.
select array_agg(md5(jsonb_build_array(p_namespace, p_name, wanted.key)::text)::uuid
                 order by wanted.position)
  from unnest(p_keys) with ordinality as wanted (key, position);
end;

comment on function tasker._idempotency_hashes is 'Hashes of idempotency keys, over namespace and template name. Null for no keys.';
