create or replace function tasker._ago (p_time interval)
  returns text
  language sql
  immutable
begin atomic
-- A length of time for people: 0.4 s, 42 s, 14 min, 5 h 20 min, 3 d 4 h.
select case
         when p_time < interval '10 seconds'
           then trim_scale(round(greatest(extract(epoch from p_time), 0), 1)) || ' s'
         when p_time < interval '2 minutes'
           then round(extract(epoch from p_time)) || ' s'
         when p_time < interval '2 hours'
           then trunc(extract(epoch from p_time) / 60) || ' min'
         when p_time < interval '2 days'
           then trunc(extract(epoch from p_time) / 3600) || ' h '
                || trunc(extract(epoch from p_time) / 60) % 60 || ' min'
         else trunc(extract(epoch from p_time) / 86400) || ' d '
              || trunc(extract(epoch from p_time) / 3600) % 24 || ' h'
       end;
end;

comment on function tasker._ago is 'A length of time for people: 0.4 s, 42 s, 14 min, 5 h 20 min, 3 d 4 h.';
