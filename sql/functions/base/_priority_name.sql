create or replace function tasker._priority_name (p_priority smallint)
  returns text
  language sql
  immutable
begin atomic
-- Steps and tasks store their priority as a number: 1, 0, -1.
select case p_priority when 1 then 'high' when -1 then 'low' else 'normal' end;
end;

comment on function tasker._priority_name is 'A stored priority by its name: high, normal, low.';
