create or replace function tasker._uuid_floor (p_at timestamptz)
  returns uuid
  language sql
  immutable
begin atomic
-- No task that was created at p_at or later has a smaller uuid (they begin with 48 bits of
-- milliseconds).
select rpad(
         lpad(
           to_hex(greatest(0, least(281474976710655,
                                    floor(extract(epoch from p_at) * 1000)))::bigint),
           12, '0'),
         32, '0')::uuid;
end;

comment on function tasker._uuid_floor is 'The smallest uuid that a task created at this moment can have.';
