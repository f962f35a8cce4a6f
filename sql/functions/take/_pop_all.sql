create or replace function tasker._pop_all (
  p_namespace  text,
  p_limit      integer,
  p_hint       text[],
  p_now        timestamptz,
  out step_ids bigint[],
  out more     boolean
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Takes pointers off a namespace's three queues, high : normal : low as 6 : 3 : 1, the rest to
-- queues that have work, and remembers for half a second where the messages begin and which queues
-- were empty. p_hint is what the session remembers; when it says that only the normal queue has
-- messages, the caller has looked there just now.
--
-- Returns  step_ids, at most p_limit of them, -1 for messages that name none; and whether there may
--          be more. Hints never decide that nothing is there
-- Calls    _queues_of, _pop_queue
declare
  v_queues constant text[] := tasker._queues_of(p_namespace);
  v_known  constant boolean := coalesce(p_hint[5] = 't' and p_hint[6] = 't', false);
  v_low    constant integer := floor(p_limit * 0.1 + random());
  v_normal constant integer := floor(p_limit * 0.3 + random());
  v_quota  constant integer[] := array[greatest(p_limit - v_low - v_normal, 0), v_normal,
                                       least(v_low, p_limit - v_normal)];
  v_ms     bigint   := (extract(epoch from p_now) * 1000)::bigint;
  v_floor  bigint[] := coalesce(p_hint[2:4]::bigint[], '{0,0,0}');
  v_empty  boolean[] := array[coalesce(p_hint[5] = 't', false), v_known,
                             coalesce(p_hint[6] = 't', false)];
  v_want   integer;
  v_got    record;
begin
  step_ids := '{}';
  if p_hint is not null and not v_known then
    v_ms := p_hint[1]::bigint;
  end if;
  -- Three rounds: by quota; queues that have more; and if these found nothing, without any hint.
  for round in case when v_known then 3 else 1 end .. 3 loop
    exit when round = 3 and (cardinality(step_ids) > 0 or p_hint is null);
    for q in 1 .. 3 loop
      v_want := case round when 1 then v_quota[q] else p_limit - cardinality(step_ids) end;
      if round = 3 then
        continue when q = 2 and v_known and v_floor[2] = 0;
        v_floor[q] := 0;
        v_ms       := (extract(epoch from p_now) * 1000)::bigint;
      end if;
      continue when v_want <= 0 and (round > 1 or p_hint is not null);
      continue when v_empty[q] and round < 3;
      v_got      := tasker._pop_queue(v_queues[q], v_want, v_floor[q]);
      step_ids   := step_ids || v_got.step_ids;
      v_floor[q] := coalesce(v_got.lowest, v_floor[q]);
      v_empty[q] := not v_got.more;
    end loop;
  end loop;
  more := cardinality(step_ids) = p_limit;
  v_ms := split_part(set_config(
    'tasker.hint_' || p_namespace,
    format('%s %s %s %s', v_ms, array_to_string(v_floor, ' '), left(v_empty[1]::text, 1),
           left(v_empty[3]::text, 1)),
    false), ' ', 1)::bigint;
end;
$$;

comment on function tasker._pop_all is 'Takes up to p_limit step pointers off a namespace''s high, normal and low queues (6 : 3 : 1; nothing starves).';
