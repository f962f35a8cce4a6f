create or replace function tasker.list_namespaces ()
  returns table (
    name text, queue_name text, paused_at timestamptz, paused_by text, pause_reason text,
    created_at timestamptz
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- The namespaces, and which of them are paused. queue_depths shows how full their queues are.
--
-- Returns  one row per namespace, by name
#variable_conflict use_column
begin
  return query
  select namespace.name,
         namespace.name || '_queue',
         namespace.paused_at,
         namespace.paused_by,
         namespace.pause_reason,
         namespace.created_at
    from tasker.namespaces as namespace
   order by namespace.name;
end;
$$;

comment on function tasker.list_namespaces is
'The namespaces, each with its PGMQ queue and, when it is paused, since when, by whom and why. The view queue_depths shows how full the queues are.';
