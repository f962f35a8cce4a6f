create or replace function tasker._complete_one (
  p_token        uuid,
  p_step_id      bigint,
  p_result       jsonb,
  p_seconds      real,
  p_now          timestamptz,
  out children   bigint[],
  out joins      bigint[],
  out sinks      bigint[],
  out wide       bigint[],
  out gated      bigint[],
  out amounts    jsonb,
  out alarmed    bigint[],
  out checks     bigint[],
  out is_blocked boolean,
  out is_waited  boolean
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- _complete_steps for one step: no sorting, no grouping.
--
-- Returns  as _complete_steps
-- Raises   TK001 when the token does not hold the step
-- Locks    the step
-- Calls    _stale
declare
  v_no       constant integer := tasker._step_no(p_step_id);
  v_template integer;
  v_has_saved boolean;
begin
  update tasker.steps as step
     set state       = 'complete',
         seconds     = p_seconds,
         finished_at = p_now,
         result      = nullif(p_result, 'null')
   where step.step_id = p_step_id
     and step.claim_token = p_token
     and step.state = 'in_progress'
  returning step.template_id, step.has_checkpoint into v_template, v_has_saved;
  if v_template is null then
    perform tasker._stale(p_token, array[p_step_id]);
  elsif v_has_saved then
    delete from tasker.checkpoints as saved where saved.step_id = p_step_id;
  end if;
  select case when link.children = '{0}' then null
              when link.special_children = '{}' and cardinality(link.children) = 1
              then array[p_step_id - v_no + link.children[1]]
              else array(select p_step_id - v_no + child
                           from unnest(link.children) as child
                          where child <> 0 and child <> all (link.special_children)
                          order by 1) end,
         case when link.join_children <> '{}'
              then array(select p_step_id - v_no + child
                           from unnest(link.join_children) as child
                          where child <> 0 and child <> all (link.special_children)) end,
         case when 0 = any (link.children) and 0 <> all (link.special_children)
              then array[p_step_id - v_no] end,
         case when link.special_children <> '{}' and (link.features ? 'run_on') is not true
              then nullif(array(select p_step_id - v_no + child
                                  from unnest(link.special_children) as child
                                 where (link.features -> 'enters' @> to_jsonb(child)) is not true
                                 order by 1), '{}') end,
         case when link.features is not null
              then nullif(array(select p_step_id - v_no + child
                                  from unnest(link.children) as child
                                 where link.features ? 'run_on'
                                    or link.features -> 'enters' @> to_jsonb(child)), '{}') end,
         null::jsonb,
         case when link.features ? 'alarms' then array[p_step_id] end,
         case when link.features ? 'check' then array[p_step_id] end,
         exists (select from tasker.unfinalized_tasks),
         exists (select from tasker.waiters)
    into children, joins, sinks, wide, gated, amounts, alarmed, checks, is_blocked, is_waited
    from tasker.template_steps as link
   where link.template_id = v_template
     and link.step_no = v_no;
  children := nullif(children, '{}');
  joins    := nullif(joins, '{}');
  if checks is not null then
    children := null;
    joins    := null;
    sinks    := null;
    wide     := null;
    gated    := null;
  end if;
end;
$$;

comment on function tasker._complete_one is 'Marks one step that the token holds as complete and looks up who waits for it. Raises TK001.';
