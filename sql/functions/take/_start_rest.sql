create or replace function tasker._start_rest (
  p_place      tasker.place,
  p_wanted     tasker.wanted,
  p_step_ids   bigint[],
  p_wrong      bigint[],
  p_need       integer,
  p_token      uuid,
  p_now        timestamptz,
  out step_ids bigint[],
  out begun    bigint[],
  out wide     bigint[],
  out seconds  integer
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Pointers whose steps were not started at once: they are tried one by one, and where that is not
-- enough, what lies behind them, page by page, until p_need steps are started or the queues are
-- empty. After 200,000 messages it stops, and notifies the worker, who asks again at once.
--
-- Returns  as _find_steps
-- Locks    messages, steps, tasks that begin
-- Calls    _start_free, _queues_of, _sift_queue, _park, _channel, _put_back
declare
  v_left  integer := 200000;
  v_page  integer := 1000;
  v_floor bigint;
  v_queue text;
  v_sift  record;
  v_got   record;
  v_busy  bigint[];
begin
  if p_wrong is not null then
    update tasker.steps as step
       set state = 'enqueued', attempt = step.attempt - 1, claim_token = null, started_at = null
     where step.step_id = any (p_wrong);
  end if;
  v_got    := tasker._start_free(p_step_ids, p_place, p_wanted.handlers, p_token, p_now);
  step_ids := v_got.step_ids;
  begun    := v_got.begun;
  wide     := v_got.wide;
  seconds  := v_got.seconds;
  v_busy   := v_got.busy;

  <<looking>>
  foreach v_queue in array tasker._queues_of(p_place.name) loop
    v_floor := 0;
    loop
      exit looking when cardinality(step_ids) >= p_need;
      if v_left <= 0 then
        perform pg_notify(tasker._channel(p_wanted.worker), p_place.name);
        exit looking;
      end if;
      v_sift  := tasker._sift_queue(v_queue, p_place.namespace_id, p_wanted.handlers,
                                    p_need - cardinality(step_ids), v_floor, v_page);
      v_floor := v_sift.last;
      exit when v_floor is null;
      if v_sift.unserved is not null then
        perform tasker._park(v_sift.unserved, p_place, p_now);
      end if;
      v_got    := tasker._start_free(v_sift.step_ids, p_place, p_wanted.handlers, p_token, p_now);
      step_ids := step_ids || v_got.step_ids;
      begun    := begun || v_got.begun;
      wide     := wide || v_got.wide;
      seconds  := least(seconds, v_got.seconds);
      v_busy   := v_busy || v_got.busy;
      v_left   := v_left - v_page;
      v_page   := 10000;
    end loop;
  end loop;
  if cardinality(v_busy) > 0 then
    perform tasker._put_back(v_busy, p_now);
  end if;
end;
$$;

comment on function tasker._start_rest is 'Pointers whose steps were not started at once: tried one by one, and then what lies behind them.';
