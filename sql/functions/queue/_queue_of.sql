create or replace function tasker._queue_of (p_queue text, p_priority smallint)
  returns text
  language sql
  immutable
begin atomic
-- The queue for steps of a stored priority, where p_queue is the one for normal steps.
select p_queue || case p_priority when 1 then '_high' when -1 then '_low' else '' end;
end;

comment on function tasker._queue_of is 'The queue for steps of a stored priority, where p_queue is the one for normal steps.';
