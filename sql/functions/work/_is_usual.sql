create or replace function tasker._is_usual (p_wanted tasker.wanted, p_least integer)
  returns boolean
  language sql
  immutable
begin atomic
-- Whether the arguments of a claim are within every limit that could be set, so that no limit has
-- to be looked up. Null is not usual.
select coalesce(
  length((p_wanted).worker) between 1 and 200 and (p_wanted).worker !~ '[^ -~]'
  and (p_wanted).most between p_least and 100
  and (p_wanted).lease > interval '0' and (p_wanted).lease <= interval '1 hour'
  and extract(year from (p_wanted).lease) = 0 and extract(month from (p_wanted).lease) = 0
  and ((p_wanted).wait is null
       or (p_wanted).wait > interval '0' and (p_wanted).wait <= interval '1 hour'
          and extract(year from (p_wanted).wait) = 0 and extract(month from (p_wanted).wait) = 0)
  and ((p_wanted).handlers is null
       or cardinality((p_wanted).handlers) between 1 and 100
          and array_ndims((p_wanted).handlers) = 1
          and array_position((p_wanted).handlers, null) is null), false);
end;

comment on function tasker._is_usual is 'Whether the arguments of a claim are within every limit that could be set.';
