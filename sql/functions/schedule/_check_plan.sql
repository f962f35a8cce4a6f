create or replace function tasker._check_plan (p_plan jsonb)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Checks what says when a schedule has its ticks: cron lines, a distance, or times; the zone, and
-- the bounds.
--
-- Raises   22023 naming what is wrong and what would be right
-- Calls    _check_zone, _check_duration, _check_moment, _ticks, _now
declare
  v_cron   constant jsonb := p_plan -> 'cron';
  v_at     constant jsonb := p_plan -> 'at';
  v_starts constant timestamptz := tasker._check_moment(p_plan -> 'starts_at', 'starts_at');
  v_ends   constant timestamptz := tasker._check_moment(p_plan -> 'ends_at', 'ends_at');
  v_every  constant numeric := tasker._check_duration(p_plan -> 'every', 'every', 1);
  v_wrong  text;
begin
  if (select count(*) from jsonb_object_keys(p_plan) as key where key in ('cron', 'every', 'at'))
     <> 1 then
    v_wrong := 'need one of cron, every and at';
  elsif jsonb_typeof(v_cron) not in ('string', 'array')
        or jsonb_typeof(v_cron) = 'array'
           and (jsonb_array_length(v_cron) not between 1 and 20
                or jsonb_path_exists(v_cron, '$[*] ? (@.type() != "string")')) then
    v_wrong := format('cron is %s, need a cron line, or an array of 1 to 20',
                      left(v_cron::text, 120));
  elsif v_at is not null and (jsonb_typeof(v_at) = 'array'
                              and jsonb_array_length(v_at) between 1 and 1000) is not true then
    v_wrong := format('at is %s, need an array of 1 to 1000 times with their zones',
                      left(v_at::text, 120));
  elsif trunc(v_every) <> v_every then
    v_wrong := format('every is %s, need whole seconds', p_plan -> 'every');
  elsif v_ends < v_starts then
    v_wrong := 'it ends before it starts';
  end if;
  if v_wrong is not null then
    raise exception 'bad schedule' using errcode = '22023', detail = v_wrong;
  end if;
  if jsonb_typeof(p_plan -> 'time_zone') <> 'string' then
    raise exception 'bad time zone'
      using errcode = '22023',
            detail  = format('got %s, need the name of a time zone, such as Europe/Berlin',
                             left(p_plan ->> 'time_zone', 60));
  end if;
  perform tasker._check_zone(p_plan ->> 'time_zone');

  select format('%s has a fraction of a second, need whole seconds', moment.what) into v_wrong
    from (select 'starts_at' as what, v_starts as at
          union all
          select given.at::text, tasker._check_moment(given.at, 'at')
            from jsonb_array_elements(v_at) as given (at)) as moment
   where date_trunc('second', moment.at, 'UTC') <> moment.at
   limit 1;
  if not found then
    select format('%s has no day within 28 years', quote_literal(line.text)) into v_wrong
      from jsonb_array_elements_text(case jsonb_typeof(v_cron) when 'array' then v_cron
                                       else jsonb_build_array(v_cron) end) as line (text)
     where v_cron is not null
       and not exists (
             select from tasker._ticks(jsonb_build_object('cron', line.text, 'time_zone', 'UTC'),
                                       tasker._now(), 'infinity', 1))
     limit 1;
  end if;
  if v_wrong is not null then
    raise exception 'bad schedule' using errcode = '22023', detail = v_wrong;
  end if;
end;
$$;

comment on function tasker._check_plan is 'Checks what says when a schedule has its ticks. Raises 22023.';
