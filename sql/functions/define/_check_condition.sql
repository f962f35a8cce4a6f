create or replace function tasker._check_condition (
  p_step  jsonb,
  p_path  jsonb,
  p_what  text,
  p_value boolean default false
)
  returns void
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- Checks a condition of a step, if it has one: an SQL/JSON path that reads nothing but what it may
-- ($.value, too, with p_value), and ends in time.
--
-- Raises   22023 naming the step and what is wrong
-- Calls    _check_text, _strict_path, _path_roots, _pattern_fault, _nearest
declare
  v_parents constant text[] := array(
    select name from jsonb_array_elements_text(
      case when jsonb_typeof(p_step -> 'dependencies') = 'array'
           then p_step -> 'dependencies' else '[]' end) as name);
  v_known   constant text[] := '{context,results,states,errors,task}'::text[]
                               || case when p_value then 'value' end;
  v_path    text;
  v_root    text;
  v_keys    text[];
  v_fault   text;
begin
  if p_path is null then
    return;
  end if;
  v_path := tasker._strict_path(
    tasker._check_text(p_path, p_what, '^.', 'an SQL/JSON path of up to 500 characters'), p_what);
  foreach v_root in array tasker._path_roots(v_path) loop
    v_keys := array(select key[1]::jsonb #>> '{}'
                      from regexp_matches(v_root, '\.("(?:[^"\\]|\\.)*")', 'g') as key);
    if v_root like '$"%' or coalesce(v_keys[1] <> all (array_remove(v_known, null)), true) then
      v_fault := format('reads %s; it may read $.context, $.results, $.states, $.errors%s',
                        replace(v_root, '"', ''),
                        case when p_value then ', $.task and $.value' else ' and $.task' end);
    elsif v_keys[1] in ('results', 'states', 'errors')
          and coalesce(v_keys[2] <> all (v_parents), true) then
      v_fault := format('$.%s needs the name of one of its dependencies (%s)%s', v_keys[1],
                        coalesce(nullif(array_to_string(v_parents[1:20], ', '), ''), 'none'),
                        ': ' || left(v_keys[2], 100) || ' is none'
                        || coalesce('; did you mean '
                                    || tasker._nearest(v_keys[2], v_parents) || '?', ''));
    end if;
    exit when v_fault is not null;
  end loop;
  v_fault := coalesce(v_fault, (
    select case when length(pattern) > 100 then 'a like_regex has at most 100 characters'
                else 'a like_regex ' || tasker._pattern_fault(pattern) end
      from regexp_matches(v_path, 'like_regex ("(?:[^"\\]|\\.)*")', 'g') as hit (part)
     cross join lateral (select hit.part[1]::jsonb #>> '{}') as regex (pattern)
     where length(pattern) > 100 or tasker._pattern_fault(pattern) is not null
     limit 1));
  if v_fault is not null then
    raise exception 'bad condition'
      using errcode = '22023', detail = format('%s: %s', p_what, v_fault);
  end if;
end;
$$;

comment on function tasker._check_condition is 'Checks a condition of a step, if it has one. Raises 22023.';
