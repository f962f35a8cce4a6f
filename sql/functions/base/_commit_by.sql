create or replace function tasker._commit_by (p_lease_until timestamptz, p_now timestamptz)
  returns timestamptz
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Bounds how long this transaction may do nothing: it holds rows of a claim, and while it is open
-- nobody can take these back. The server ends a session that is idle when the lease is over, or
-- after 5 seconds if that is later; a stricter setting stays. Null: it holds nothing.
--
-- Returns  p_now
declare
  v_left constant integer :=
    least(greatest(extract(epoch from p_lease_until - p_now), 5), 86400) * 1000;
  v_set  constant interval := current_setting('idle_in_transaction_session_timeout')::interval;
begin
  if p_lease_until is not null and (v_set = interval '0' or v_set > v_left * interval '1 ms') then
    return case when set_config('idle_in_transaction_session_timeout', v_left::text, true) <> ''
                then p_now end;
  end if;
  return p_now;
end;
$$;

comment on function tasker._commit_by is 'Lets the server end this session when it leaves its transaction idle past the lease (at least 5 s). Returns p_now.';
