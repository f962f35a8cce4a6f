create or replace function tasker._full_xid (p_xmin xid, p_next xid8)
  returns xid8
  language sql
  immutable
begin atomic
-- A row's xmin has the lower half of its transaction's id; the upper half is that of the next id
-- to come, or one less.
select (next.id - ((next.id - p_xmin::text::bigint) & 4294967295))::text::xid8
  from (select p_next::text::bigint as id) as next;
end;

comment on function tasker._full_xid is 'The whole id of the transaction that wrote a row, of its xmin and the next id to come.';
