create or replace function tasker._pop_steps (
  p_namespace  text,
  p_limit      integer,
  p_now        timestamptz,
  out step_ids bigint[],
  out more     boolean
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Takes pointers off a namespace's normal queue, if a look at all three less than half a second ago
-- found the others empty; else, and when nothing is there, off all of them.
--
-- Returns  step_ids, at most p_limit of them, -1 for messages that name none; and whether there may
--          be more
-- Calls    _read_hint, _pop_queue; beside the street _pop_all
declare
  v_hint text[] := tasker._read_hint(p_namespace, p_now);
  v_got  record;
begin
  if v_hint[5] = 't' and v_hint[6] = 't' then
    v_got := tasker._pop_queue(p_namespace || '_queue', p_limit, v_hint[3]::bigint);
    if v_got.step_ids <> '{}' then
      step_ids := v_got.step_ids;
      more     := v_got.more;
      if v_got.lowest > v_hint[3]::bigint + 20 then
        v_hint[3] := v_got.lowest::text;
        v_hint[1] := split_part(set_config('tasker.hint_' || p_namespace,
                                           array_to_string(v_hint, ' '), false), ' ', 1);
      end if;
      return;
    end if;
  end if;
  v_got    := tasker._pop_all(p_namespace, p_limit, v_hint, p_now);
  step_ids := v_got.step_ids;
  more     := v_got.more;
end;
$$;

comment on function tasker._pop_steps is 'Takes up to p_limit step pointers off a namespace''s queues.';
