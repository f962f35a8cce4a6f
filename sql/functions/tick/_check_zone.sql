create or replace function tasker._check_zone (p_zone text)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Guards the name of a time zone: Area/Place, or a word such as UTC. PostgreSQL takes abbreviations
-- and POSIX rules, too, which know nothing of when clocks are changed, or of where: these have an
-- offset, or no area. (pg_timezone_names, which reads a thousand files, is only asked for advice.)
--
-- Raises   22023, with the nearest known name
-- Calls    _nearest
declare
  v_known text[] := '{}'::text[];
begin
  if p_zone = 'UTC'
     or (length(p_zone) <= 60
         and case when p_zone like '%/%'
                  then p_zone ~ '^[A-Za-z_-]+(/[A-Za-z_-]+)+$'
                       or p_zone ~ '^Etc/GMT([+]([0-9]|1[0-2])|-([0-9]|1[0-4]))$'
                  else p_zone ~ '^[A-Za-z_-]+$'
                       and p_zone !~* '^(localtime|posixrules|factory|default|local)$'
                       and not exists (select from pg_timezone_abbrevs as abbreviation
                                        where lower(abbreviation.abbrev) = lower(p_zone)) end)
  then
    begin
      perform tasker._wall('epoch', p_zone);
      return;
    exception when invalid_parameter_value then
      null;
    end;
  end if;
  if length(p_zone) <= 60 and p_zone ~ '^[A-Za-z_-]+/[A-Za-z_/-]+$' then  -- as if it were one
    v_known := array(select zone.name from pg_timezone_names as zone
                      where zone.name ~ '^(?!posix|right)[A-Z].*/'
                      order by zone.name);
  end if;
  raise exception 'bad time zone'
    using errcode = '22023',
          detail  = format('got %s, need the name of a time zone, such as Europe/Berlin or UTC; '
                           'abbreviations and offsets are none',
                           coalesce(quote_literal(left(p_zone, 100)), 'null')),
          hint    = coalesce('Did you mean ' || tasker._nearest(p_zone, v_known) || '?', '');
end;
$$;

comment on function tasker._check_zone is 'Guards the name of a time zone. Raises 22023.';
