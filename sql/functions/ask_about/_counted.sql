create or replace function tasker._counted (p_count bigint, p_noun text)
  returns text
  language sql
  immutable
begin atomic
-- 1 step, 2 steps.
select p_count || ' ' || p_noun || case when p_count = 1 then '' else 's' end;
end;

comment on function tasker._counted is 'A number of things for people: 1 step, 2 steps.';
