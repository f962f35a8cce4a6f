-- The same handlers in SQL. A step and what its handler writes commit together: exactly once.
--
--   tasker-sql db psql -f examples/sql_handlers.sql
--   TASKER_ENV=sql tasker-sql template register examples/workflows
--   tasker-sql run

create schema examples;

create function examples.number(context jsonb, results jsonb) returns numeric
  language sql immutable
  return coalesce((select sum((result.value ->> 'value')::numeric) from jsonb_each(results) as result),
                  (context ->> 'number')::numeric);

create function examples.square(context jsonb, results jsonb) returns jsonb
  language sql immutable
  return jsonb_build_object('value', examples.number(context, results) * examples.number(context, results));

create function examples.double(context jsonb, results jsonb) returns jsonb
  language sql immutable
  return jsonb_build_object('value', 2 * examples.number(context, results));

create function examples.add_ten(context jsonb, results jsonb) returns jsonb
  language sql immutable
  return jsonb_build_object('value', examples.number(context, results) + 10);

create function examples.sum(context jsonb, results jsonb) returns jsonb
  language sql immutable
  return jsonb_build_object('value', examples.number(context, results));

create table examples.stock (sku text primary key, on_hand integer not null check (on_hand >= 0));
create table examples.parcels (order_id integer primary key, packed_at timestamptz not null default now());

create function examples.validate_order(context jsonb, results jsonb) returns jsonb
  language plpgsql
as $$
begin
  if exists (select from jsonb_array_elements(context -> 'items') as item where (item ->> 'quantity')::integer <= 0) then
    raise exception 'a quantity is not positive' using errcode = 'TK100';  -- permanent: no other attempt
  end if;
  return (select jsonb_build_object('total', sum((item ->> 'quantity')::integer * (item ->> 'price')::numeric))
            from jsonb_array_elements(context -> 'items') as item);
end;
$$;

create function examples.reserve_inventory(context jsonb, results jsonb) returns jsonb
  language plpgsql
as $$
begin
  update examples.stock
     set on_hand = on_hand - (item ->> 'quantity')::integer
    from jsonb_array_elements(context -> 'items') as item
   where stock.sku = item ->> 'sku';
  return (select jsonb_build_object('reserved', sum((item ->> 'quantity')::integer))
            from jsonb_array_elements(context -> 'items') as item);
end;
$$;

create function examples.process_payment(context jsonb, results jsonb) returns jsonb
  language sql immutable
  return jsonb_build_object('charged', results #> '{validate_order,total}', 'currency', 'EUR');

create function examples.ship_order(context jsonb, results jsonb) returns jsonb
  language plpgsql
as $$
begin
  insert into examples.parcels (order_id) values ((context ->> 'order_id')::integer);
  return jsonb_build_object('parcel', 'order ' || (context ->> 'order_id'), 'paid', results -> 'process_payment');
end;
$$;
