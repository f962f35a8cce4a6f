create or replace function tasker._cron_field (
  p_text  text,
  p_what  text,
  p_low   integer,
  p_high  integer,
  p_names text[] default '{}'
)
  returns integer[]
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- Reads one field of a cron line: *, numbers, names, ranges, steps, and lists of these.
--
-- Returns  the numbers that it means, in order
-- Raises   22023 naming the field and what would be right
declare
  v_found integer[] := array[]::integer[];
  v_wrong text;
  v_item  text;
  v_part  text[];
  v_from  integer;
  v_to    integer;
  v_step  integer;
begin
  foreach v_item in array string_to_array(upper(p_text), ',') loop
    v_part := regexp_match(v_item,
      '^(?:(\*)|([0-9]{1,4}|[A-Z]{3})(?:-([0-9]{1,4}|[A-Z]{3}))?)(?:/([0-9]{1,4}))?$');
    v_from := case when v_part[1] is not null then p_low
                   when v_part[2] ~ '^[0-9]' then v_part[2]::integer
                   else p_low + array_position(p_names, v_part[2]) - 1 end;
    v_to   := case when v_part[1] is not null then p_high
                   when v_part[3] is null then v_from
                   when v_part[3] ~ '^[0-9]' then v_part[3]::integer
                   when v_part[3] = 'SUN' and p_high = 7 and v_from > 0 then 7
                   else p_low + array_position(p_names, v_part[3]) - 1 end;
    v_step := coalesce(v_part[4]::integer, 1);
    v_wrong := case
      when v_item ~ '^(\?|L|LW|L-[0-9]+|[0-9A-Z]+[LW]|[0-9A-Z]+#.*)$' and (v_part is null
                                                                          or v_from is null)
        then 'L, W, # and ? are not supported'
      when v_part is null or v_from is null or v_to is null
        then format('need *, %s to %s%s, a range such as %s-%s, a step such as */2, or a list',
                    p_low, p_high, ', names such as ' || p_names[2], p_low, p_high)
      when v_from not between p_low and p_high or v_to not between p_low and p_high
        then format('need numbers from %s to %s', p_low, p_high)
      when v_from > v_to
        then format('a range goes upward; write %s-%s,%s-%s', v_from, p_high, p_low, v_to)
      when v_step not between 1 and p_high then format('need a step from 1 to %s', p_high)
      when v_part[4] is not null and coalesce(v_part[1], v_part[3]) is null
        then format('a step needs a range; write %s-%s/%s', v_from, p_high, v_step)
    end;
    if v_wrong is not null then
      raise exception 'bad cron line'
        using errcode = '22023',
              detail  = format('the %s %s: %s', p_what, quote_literal(left(v_item, 60)), v_wrong);
    end if;
    v_found := v_found || array(select generate_series(v_from, v_to, v_step));
  end loop;
  return array(select distinct case when p_high = 7 then number % 7 else number end
                 from unnest(v_found) as number
                order by 1);
end;
$$;

comment on function tasker._cron_field is 'Reads one field of a cron line. Raises 22023.';
