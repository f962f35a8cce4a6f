create or replace function tasker._find_steps (
  p_place      tasker.place,
  p_wanted     tasker.wanted,
  p_kept       bigint[],
  p_token      uuid,
  p_now        timestamptz,
  out step_ids bigint[],
  out begun    bigint[],
  out wide     bigint[],
  out seconds  integer,
  out more     boolean
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Starts up to as many steps as are wanted: those in p_kept, then such as waited for their handler,
-- then such as the queues point to.
--
-- Returns  the steps; the tasks that began with them (step_no 0 ids); of the steps those with more
--          than 8 parents; how many seconds a lease of them may take at most, null for no bound;
--          and whether there may be more
-- Locks    messages, steps, tasks that begin, each in id order; skips what others hold
-- Calls    _pop_steps, _start_one, _start_steps; beside the street _unpark, _start_rest
declare
  v_found bigint[] := p_kept;
  v_left  bigint[];
  v_need  integer := case when p_place.is_paused or p_wanted.handlers = '{}' then 0
                          else p_wanted.most - coalesce(cardinality(p_kept), 0) end;
  v_got   record;
begin
  if v_need > 0 and p_place.has_parked then
    v_found := v_found || tasker._unpark(p_place.namespace_id, p_wanted.handlers, v_need);
    v_need  := p_wanted.most - coalesce(cardinality(v_found), 0);
  end if;
  if v_need > 0 then
    v_got   := tasker._pop_steps(p_place.name, v_need, p_now);
    v_found := v_found || v_got.step_ids;
    more    := v_got.more;
  end if;
  if (cardinality(v_found) > 0) is not true then
    return;
  end if;

  if p_place.is_careful then
    v_got := tasker._start_rest(p_place, p_wanted, v_found, null, p_wanted.most::integer, p_token,
                                p_now);
  else
    if cardinality(v_found) = 1 then
      v_got := tasker._start_one(v_found[1], p_place.namespace_id, p_wanted.handlers, p_token,
                                 p_now);
    else
      v_got := tasker._start_steps(v_found, p_place.namespace_id, p_wanted.handlers, p_token,
                                   p_now);
    end if;
    v_left := v_got.rest;
  end if;
  step_ids := v_got.step_ids;
  begun    := v_got.begun;
  wide     := v_got.wide;
  seconds  := v_got.seconds;
  if v_left is not null then
    v_got := tasker._start_rest(p_place, p_wanted, v_left, v_got.wrong,
                                p_wanted.most::integer - cardinality(step_ids), p_token, p_now);
    step_ids := array(select id from unnest(step_ids || v_got.step_ids) as id order by id);
    begun    := begun || v_got.begun;
    wide     := wide || v_got.wide;
    seconds  := least(seconds, v_got.seconds);
  end if;
end;
$$;

comment on function tasker._find_steps is 'Starts up to as many steps as a worker wants. Returns them and the tasks that began with them.';
