create or replace function tasker._try_start (
  p_step_ids     bigint[],
  p_namespace_id integer,
  p_token        uuid,
  p_now          timestamptz,
  out step_ids   bigint[],
  out ids        bigint[],
  out changes    tasker.transition[],
  out wide       bigint[],
  out busy       bigint[]
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Starts popped steps; nobody who holds one is waited for longer than 2 ms.
--
-- Returns  as _start; and the steps that somebody holds
-- Locks    the steps, then the tasks that begin with them, in id order
-- Calls    _start, _free_steps
declare
  v_patience constant text := current_setting('lock_timeout');
  v_free     bigint[];
begin
  begin
    perform set_config('lock_timeout', '2ms', true);
    select start.step_ids, start.ids, start.changes, start.wide into step_ids, ids, changes, wide
      from tasker._start(p_step_ids, p_namespace_id, p_token, p_now) as start;
    perform set_config('lock_timeout', v_patience, true);
  exception when lock_not_available then  -- which takes the setting back, too
    v_free := tasker._free_steps(p_step_ids);
    busy   := array(select id from unnest(p_step_ids) as id where id <> all (v_free));
    select start.step_ids, start.ids, start.changes, start.wide into step_ids, ids, changes, wide
      from tasker._start(v_free, p_namespace_id, p_token, p_now) as start;
  end;
end;
$$;

comment on function tasker._try_start is 'Starts popped steps, without waiting longer than 2 ms for anybody who holds one.';
