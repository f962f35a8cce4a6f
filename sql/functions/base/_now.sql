create or replace function tasker._now ()
  returns timestamptz
  language sql
  volatile
begin atomic
-- The only clock that tasker reads. Tests replace it inside their own transaction.
select clock_timestamp();
end;

comment on function tasker._now is 'The only clock that tasker reads: clock_timestamp(), so that time passes inside a transaction too.';
