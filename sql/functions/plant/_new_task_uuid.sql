create or replace function tasker._new_task_uuid (p_task_id bigint, p_now timestamptz)
  returns uuid
  language sql
  volatile
begin atomic
-- A version 7 uuid: 48 bits of milliseconds, 12 random bits, then the task_id (42 bits) and 20 zero
-- bits.
select (lpad(to_hex((extract(epoch from p_now) * 1000)::bigint), 12, '0')
        || '7' || lpad(to_hex((random() * 4095)::integer), 3, '0')
        || to_hex((p_task_id << 20) | (1::bigint << 63)))::uuid;
end;

comment on function tasker._new_task_uuid is 'A time-ordered uuid (version 7) that carries the task_id, so that lookups need no index.';
