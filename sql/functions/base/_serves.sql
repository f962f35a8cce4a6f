create or replace function tasker._serves (p_handlers text[], p_handler text)
  returns boolean
  language sql
  immutable
begin atomic
-- Whether a worker that names these handlers has this one. Null stands for all handlers, 'sql:*'
-- for all that are written in SQL.
select p_handlers is null
       or p_handler = any (p_handlers)
       or p_handler like 'sql:%' and 'sql:*' = any (p_handlers);
end;

comment on function tasker._serves is 'Whether a worker that names these handlers has this one (null: all; sql:*: all written in SQL).';
