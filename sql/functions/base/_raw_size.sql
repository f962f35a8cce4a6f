create or replace function tasker._raw_size (p_value jsonb)
  returns integer
  language sql
  stable  -- as pg_column_size: it would not be inlined as immutable
begin atomic
-- How large a value is when it is sent: what is small as it is stored, and not compressed, need not
-- be unpacked to be measured.
select case when pg_column_size(p_value) > 500 or pg_column_compression(p_value) is not null
            then pg_column_size(p_value #> '{}')
            else pg_column_size(p_value) end;
end;

comment on function tasker._raw_size is 'How many bytes a jsonb value has, not compressed.';
