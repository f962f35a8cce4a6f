create or replace function tasker._refuse_repeat (p_done text, p_detail text)
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Refuses a call that this claim made before, with what the caller wrote beside it.
--
-- Raises   TK009
begin
  raise exception 'already % by this claim', p_done
    using errcode = 'TK009',
          detail  = p_detail,
          hint    = 'Roll back, nothing is lost: what the first call wrote is in the database. '
                    'A call without writes of its own may pass p_repeat => true.';
end;
$$;

comment on function tasker._refuse_repeat is 'Raises TK009: this claim made the call before.';
