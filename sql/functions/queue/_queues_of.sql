create or replace function tasker._queues_of (p_namespace text)
  returns text[]
  language sql
  immutable
begin atomic
-- A namespace's queues: for steps of high, normal and low priority.
select array[p_namespace || '_queue_high', p_namespace || '_queue', p_namespace || '_queue_low'];
end;

comment on function tasker._queues_of is 'A namespace''s three queues: high, normal, low.';
