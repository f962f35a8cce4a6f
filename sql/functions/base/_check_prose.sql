create or replace function tasker._check_prose (
  p_value jsonb,
  p_what  text,
  p_least integer,
  p_most  integer
)
  returns void
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- Guards a free text by its length; absent is fine. (A regular expression counts to 255 and no
-- further.)
--
-- Raises   22023 when it is not a string of p_least to p_most characters
begin
  if p_value is not null
     and (jsonb_typeof(p_value) = 'string'
          and length(p_value #>> '{}') between p_least and p_most) is not true then
    raise exception 'bad text in the definition or options'
      using errcode = '22023',
            detail  = format('%s is %s, need a string of %s to %s characters',
                             p_what, left(p_value::text, 120), p_least, p_most);
  end if;
end;
$$;

comment on function tasker._check_prose is 'Guards a free text by its length. Raises 22023.';
