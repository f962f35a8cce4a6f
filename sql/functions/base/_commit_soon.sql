create or replace function tasker._commit_soon (p_lease_until timestamptz)
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Bounds how long this transaction may do nothing: it holds rows of a claim, and while it is open
-- nobody can take these back. The server ends a session that is idle when the lease is over, or
-- after 5 seconds if that is later; a stricter setting stays.
declare
  v_left constant interval := least(greatest(p_lease_until - tasker._now(), interval '5 seconds'),
                                    interval '1 day');
  v_set  constant interval := current_setting('idle_in_transaction_session_timeout')::interval;
begin
  if v_set = interval '0' or v_set > v_left then
    perform set_config('idle_in_transaction_session_timeout',
                       (extract(epoch from v_left) * 1000)::integer::text, true);
  end if;
end;
$$;

comment on function tasker._commit_soon is 'Lets the server end this session when it leaves its transaction idle past the lease (at least 5 s).';
