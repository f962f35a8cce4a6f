create or replace function tasker._cron (p_line text)
  returns tasker.cron
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- Reads a cron line: minute, hour, day of the month, month, day of the week; or @daily and such.
--
-- Raises   22023 naming the field and what would be right
-- Calls    _cron_field
declare
  v_known constant jsonb := '{"@hourly": "0 * * * *", "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *"}'::jsonb;
  v_field text[];
  v_wrong text;
  v_cron  tasker.cron;
begin
  v_field := regexp_split_to_array(
    btrim(coalesce(v_known ->> lower(btrim(p_line, E' \t')), p_line), E' \t'), '[ \t]+');
  v_wrong := case
    when (length(p_line) <= 200) is not true
      then format('got %s, need a text of at most 200 characters',
                  coalesce(length(p_line) || ' characters', 'null'))
    when v_field[1] like '@%'
      then format('%s; known are %s', v_field[1],
                  (select string_agg(key, ', ') from jsonb_object_keys(v_known) as key))
    when cardinality(v_field) in (6, 7)
      then format('%s has %s fields, need 5: seconds and years are not supported',
                  quote_literal(p_line), cardinality(v_field))
    when cardinality(v_field) <> 5
      then format('%s has %s, need 5: minute, hour, day of the month, month, day of the week',
                  quote_literal(p_line), cardinality(v_field))
  end;
  if v_wrong is not null then
    raise exception 'bad cron line' using errcode = '22023', detail = v_wrong;
  end if;
  v_cron.minutes  := tasker._cron_field(v_field[1], 'minute', 0, 59);
  v_cron.hours    := tasker._cron_field(v_field[2], 'hour', 0, 23);
  v_cron.days     := tasker._cron_field(v_field[3], 'day of the month', 1, 31);
  v_cron.months   := tasker._cron_field(v_field[4], 'month', 1, 12,
                                        '{JAN,FEB,MAR,APR,MAY,JUN,JUL,AUG,SEP,OCT,NOV,DEC}');
  v_cron.weekdays := tasker._cron_field(v_field[5], 'day of the week', 0, 7,
                                        '{SUN,MON,TUE,WED,THU,FRI,SAT}');
  v_cron.either   := v_field[3] not like '*%' and v_field[5] not like '*%';
  v_cron.hourly   := v_field[2] like '*%';
  return v_cron;
end;
$$;

comment on function tasker._cron is 'Reads a cron line of five fields, or @daily and such. Raises 22023.';
