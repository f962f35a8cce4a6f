create or replace function tasker._insert_steps (
  p_template_id integer,
  p_namespace   text,
  p_steps       jsonb,
  p_order       integer[],
  p_parents     integer[],
  p_children    integer[]
)
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Writes the compiled steps of a template.
--
-- Calls    _depths, _is_gated, _neighbours, _features
declare
  v_depths constant integer[] := tasker._depths(p_order, p_parents, p_children);
  v_gated  constant boolean := tasker._is_gated(p_steps);
begin
  insert into tasker.template_steps (
    template_id, step_no, name, description, handler, config, namespace_id, queue,
    parents, parent_names, children, join_children, special_children,
    max_attempts, backoff, backoff_base_ms, max_backoff_ms, jitter, timeout_seconds, depth, features
  )
  select p_template_id,
         step.step_no,
         step.step ->> 'name',
         step.step ->> 'description',
         coalesce(step.step #>> '{handler,callable}',
                  'sql:' || coalesce(step.step #>> '{handler,sql}',
                                     step.step #>> '{wait,until,sql}'),
                  'wait'),
         coalesce(step.step #> '{handler,initialization}', '{}'),
         namespace.namespace_id,
         namespace.name || '_queue',
         coalesce(step.parents, '{}'),
         coalesce(step.names, '{}'),
         step.children,
         coalesce(step.joins, '{}'),
         case when v_gated then step.children else coalesce(step.special, '{}') end,
         case when (retry ->> 'retryable')::boolean is false
                   or step.step ? 'wait' and step.step #> '{wait,until,sql}' is null then 1
              else coalesce((retry -> 'max_attempts')::integer, 3) end,
         coalesce(retry ->> 'backoff', 'exponential'),
         coalesce((retry -> 'backoff_base_ms')::bigint, 1000),
         coalesce((retry -> 'max_backoff_ms')::bigint, 30000),
         coalesce((retry ->> 'jitter')::boolean, true),
         (step.step -> 'timeout_seconds')::integer,
         v_depths[step.step_no],
         tasker._features(step.step, v_gated, step.entering)
    from tasker._neighbours(p_steps, p_order, p_parents, p_children) as step
   cross join coalesce(step.step -> 'retry', '{}') as retry
    join tasker.namespaces as namespace
      on namespace.name = coalesce(step.step ->> 'namespace', p_namespace);
end;
$$;

comment on function tasker._insert_steps is 'Writes the compiled steps of a template.';
