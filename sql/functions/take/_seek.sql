create or replace function tasker._seek (
  p_namespace    text,
  p_namespace_id integer,
  p_limit        integer,
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
-- Looks behind messages of which none could be started, page by page, until a step can be started
-- or the queues are empty. After 200,000 messages it stops, and notifies the namespace's channel:
-- its workers ask again at once.
--
-- Returns  as _try_start
-- Locks    messages, steps, tasks
-- Calls    _queues_of, _sift_queue, _try_start
declare
  v_left  integer := 200000;
  v_page  integer := 1000;
  v_floor bigint;
  v_queue text;
  v_sift  record;
  v_start record;
begin
  foreach v_queue in array tasker._queues_of(p_namespace) loop
    v_floor := 0;
    loop
      v_sift  := tasker._sift_queue(v_queue, p_namespace_id, p_limit, v_floor, v_page);
      v_floor := v_sift.last;
      exit when v_floor is null;
      v_start  := tasker._try_start(v_sift.step_ids, p_namespace_id, p_token, p_now);
      busy     := busy || v_start.busy;
      step_ids := v_start.step_ids;
      ids      := v_start.ids;
      changes  := v_start.changes;
      wide     := v_start.wide;
      if cardinality(step_ids) > 0 then
        return;
      end if;
      v_left := v_left - v_page;
      v_page := 10000;
      if v_left <= 0 then
        perform pg_notify('tasker_' || p_namespace, '');
        return;
      end if;
    end loop;
  end loop;
end;
$$;

comment on function tasker._seek is 'Looks behind messages of which none could be started, until a step can be or the queues are empty.';
