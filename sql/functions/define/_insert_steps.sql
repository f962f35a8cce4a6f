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
-- Writes the compiled steps of a template. A step's number is its place in p_order; edges name
-- positions in the definition. A step without children has the child 0, its task.
--
-- Calls    _depths, _is_gated, _features
declare
  v_depths constant integer[] := tasker._depths(p_order, p_parents, p_children);
  v_gated  constant boolean := tasker._is_gated(p_steps);
begin
  insert into tasker.template_steps (
    template_id, step_no, name, description, handler, config, namespace_id, queue,
    parents, parent_names, children, join_children, special_children,
    max_attempts, backoff, backoff_base_ms, max_backoff_ms, jitter, timeout_seconds, depth, features
  )
  with place as materialized (
    select position, step_no::integer as step_no
      from unnest(p_order) with ordinality as place (position, step_no)
  ),
  step as materialized (
    select place.step_no, source.step, coalesce(source.step -> 'retry', '{}') as retry
      from jsonb_array_elements(p_steps) with ordinality as source (step, position)
      join place on place.position = source.position
  ),
  edge as materialized (
    select parent.step_no as parent_no, child.step_no as child_no
      from unnest(p_parents, p_children) as edge (parent_position, child_position)
      join place as parent on parent.position = edge.parent_position
      join place as child on child.position = edge.child_position
    union all
    select place.step_no, 0
      from place
     where not exists (select from unnest(p_parents) as parent_position
                        where parent_position = place.position)
  ),
  width as materialized (
    select edge.child_no, count(*) as parents from edge group by edge.child_no
  ),
  down as materialized (
    select edge.parent_no as step_no,
           array_agg(edge.child_no order by edge.child_no) as children,
           array_agg(edge.child_no order by edge.child_no)
             filter (where width.parents > 1) as joins,
           array_agg(edge.child_no order by edge.child_no) filter (where width.parents > 16) as wide
      from edge join width on width.child_no = edge.child_no
     group by edge.parent_no
  ),
  up as materialized (
    select edge.child_no as step_no,
           array_agg(edge.parent_no order by edge.parent_no) as parents,
           array_agg(parent.step ->> 'name' order by edge.parent_no) as names
      from edge join step as parent on parent.step_no = edge.parent_no
     group by edge.child_no
  )
  select p_template_id,
         step.step_no,
         step.step ->> 'name',
         step.step ->> 'description',
         coalesce(step.step #>> '{handler,callable}', 'sql:' || (step.step #>> '{handler,sql}')),
         coalesce(step.step #> '{handler,initialization}', '{}'),
         namespace.namespace_id,
         namespace.name || '_queue',
         coalesce(up.parents, '{}'),
         coalesce(up.names, '{}'),
         down.children,
         coalesce(down.joins, '{}'),
         case when v_gated then down.children else coalesce(down.wide, '{}') end,
         case when (step.retry ->> 'retryable')::boolean is false then 1
              else coalesce((step.retry -> 'max_attempts')::integer, 3) end,
         coalesce(step.retry ->> 'backoff', 'exponential'),
         coalesce((step.retry -> 'backoff_base_ms')::bigint, 1000),
         coalesce((step.retry -> 'max_backoff_ms')::bigint, 30000),
         coalesce((step.retry ->> 'jitter')::boolean, true),
         (step.step -> 'timeout_seconds')::integer,
         v_depths[step.step_no],
         case when v_gated then tasker._features(step.step) end
    from step
    join down on down.step_no = step.step_no
    left join up on up.step_no = step.step_no
    join tasker.namespaces as namespace
      on namespace.name = coalesce(step.step ->> 'namespace', p_namespace);
end;
$$;

comment on function tasker._insert_steps is 'Writes the compiled steps of a template.';
