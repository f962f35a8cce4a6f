create or replace function tasker._check_worker (p_worker text)
  returns void
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- Guards the name of a worker or processor: 1 to 200 characters that can be printed. A name is
-- shown in terminals, where a control character could move the cursor.
--
-- Raises   22023
declare
  -- Controls, what has no width, what changes the direction of writing, tags.
  v_unprintable constant text := E'[\\u0001-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u180e'
    '\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb\\U000e0000-\\U000e007f]';
  v_found text;
begin
  if (length(p_worker) between 1 and 200) is not true then
    raise exception 'a worker needs a name of 1 to 200 characters'
      using errcode = '22023',
            detail  = format('got %s', coalesce(length(p_worker) || ' characters', 'null'));
  end if;
  if p_worker ~ v_unprintable then
    v_found := substring(p_worker from v_unprintable);
    raise exception 'a worker needs a name of printable characters'
      using errcode = '22023',
            detail  = format('character %s is U+%s', position(v_found in p_worker),
                             lpad(upper(to_hex(ascii(v_found))), 4, '0'));
  end if;
end;
$$;

comment on function tasker._check_worker is 'Guards the name of a worker or processor (1 to 200 printable characters). Raises 22023.';
