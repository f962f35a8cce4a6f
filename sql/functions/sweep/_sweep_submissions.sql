create or replace function tasker._sweep_submissions (p_limit integer, p_now timestamptz)
  returns integer
  language plpgsql
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5ms'
as $$
-- Processes submitted outcomes that nobody processed for 5 seconds: their message is lost, or no
-- loop runs.
--
-- Returns  how many submissions were processed
-- Calls    _process_submission
declare
  v_submission bigint;
  v_count      integer := 0;
begin
  for v_submission in
    select submission.submission_id
      from tasker.submissions as submission
     where submission.submitted_at < p_now - interval '5 seconds'
     order by submission.submission_id
  loop
    exit when v_count >= p_limit;  -- those that somebody holds do not count
    begin
      if (tasker._process_submission(v_submission, p_now)).completed is not null then
        v_count := v_count + 1;
      end if;
    exception
      when lock_not_available or serialization_failure then
        null;  -- somebody is at it; the next sweep looks again
      when others then
        raise warning 'tasker.sweep: submission % was not processed: % (%)',
                      v_submission, sqlerrm, sqlstate;
    end;
  end loop;
  return v_count;
end;
$$;

comment on function tasker._sweep_submissions is 'Processes submitted outcomes that were left lying for 5 seconds. Returns how many.';
