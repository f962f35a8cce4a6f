create or replace function tasker._pop (p_namespace text, p_limit integer, p_now timestamptz)
  returns bigint[]
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Takes pointers off a namespace's three queues, high : normal : low as 6 : 3 : 1, the rest to
-- whoever has work. The session remembers per queue where the living messages begin (floor) and
-- whether it was empty: hints that only save work, are dropped twice a second, and never decide
-- that nothing is there.
--
-- Returns  step_ids, at most p_limit of them; null when no messages were there, so that messages
--          which are no pointers are not taken for an empty queue
-- Calls    _queues_of, _pop_queue
declare
  v_ms     constant bigint := (extract(epoch from p_now) * 1000)::bigint;
  v_queues constant text[] := tasker._queues_of(p_namespace);
  v_low    constant integer := floor(p_limit * 0.1 + random());
  v_normal constant integer := floor(p_limit * 0.3 + random());
  v_quota  integer[] := array[p_limit - v_low - v_normal, v_normal, v_low];
  v_hint   text;
  v_floor  bigint[] := array[0, 0, 0]::bigint[];
  v_since  bigint[] := array[v_ms, v_ms, v_ms];
  v_empty  boolean[] := array[false, false, false];
  v_hinted boolean[] := array[false, false, false];
  v_ids    bigint[] := array[]::bigint[];
  v_taken  integer := 0;
  v_want   integer;
  v_got    record;
begin
  for q in 1 .. 3 loop
    v_hint := current_setting('tasker.hint_' || v_queues[q], true);
    if v_hint ~ '^[0-9]{1,18} [0-9]{1,15} [tf]$'
       and abs(v_ms - split_part(v_hint, ' ', 2)::bigint) < 500 then
      v_floor[q]  := split_part(v_hint, ' ', 1)::bigint;
      v_since[q]  := split_part(v_hint, ' ', 2)::bigint;
      v_empty[q]  := q <> 2 and split_part(v_hint, ' ', 3)::boolean;
      v_hinted[q] := true;
    end if;
  end loop;
  if v_empty[1] and v_empty[3] then
    v_quota := array[0, p_limit, 0];
  end if;

  -- Three rounds: by quota; whoever has more; and if these found nothing, without any hint.
  for round in 1 .. 3 loop
    exit when round = 3 and v_taken > 0;
    for q in 1 .. 3 loop
      v_want := least(p_limit - v_taken,
                      case round when 1 then v_quota[q] else p_limit end);
      continue when v_want <= 0
                 or (v_empty[q] and (round < 3 or not v_hinted[q]));
      if round = 3 then
        v_floor[q] := 0;
        v_since[q] := v_ms;
      end if;
      v_got      := tasker._pop_queue(v_queues[q], v_want, v_floor[q]);
      v_ids      := v_ids || v_got.step_ids;
      v_taken    := v_taken + v_got.taken;
      v_floor[q] := coalesce(v_got.lowest, v_floor[q]);
      v_empty[q] := v_got.taken < v_want;
    end loop;
  end loop;

  for q in 1 .. 3 loop
    perform set_config('tasker.hint_' || v_queues[q],
                       format('%s %s %s', v_floor[q], v_since[q], left(v_empty[q]::text, 1)),
                       false);
  end loop;
  return case when v_taken > 0 then v_ids end;
end;
$$;

comment on function tasker._pop is 'Takes up to p_limit step pointers off a namespace''s high, normal and low queues (6 : 3 : 1; nothing starves).';
